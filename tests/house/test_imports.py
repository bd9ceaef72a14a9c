"""Who may import whom (the table in docs/architecture.md), and what must never be loaded."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scoring.settings import CODE_ROOT

SETTINGS, PROTOCOL = "scoring.settings", "scoring.protocol"
ZONE, SOURCES = "scoring.machine_zone", "scoring.settings_sources"
VARIABLES = "scoring.settings_environment"
SECTION, TABLES = "scoring.settings_section", "scoring.settings_tables"
TOLD = "scoring.settings_alerts"
RETRAIN = "scoring.settings_retrain"
PREPROCESSING, INFERENCE = "scoring.preprocessing", "scoring.inference"
RECORDS, PROCESSES = "scoring.records", "scoring.processes"
BATCHES, MONITORING = "scoring.batches", "scoring.monitoring"
LIBRARY = {PROTOCOL, PREPROCESSING, INFERENCE, RECORDS, PROCESSES, BATCHES}

# package → (what of ours, what of others) it may import; all may have settings, zone, EVERYWHERE.
ALLOWED: dict[str, tuple[set[str], set[str]]] = {
    ZONE: ({PROTOCOL}, {"tzlocal"}),
    SECTION: ({PROTOCOL}, set()),
    SOURCES: ({PROTOCOL, SECTION, VARIABLES}, set()),
    VARIABLES: ({PROTOCOL, SECTION}, set()),
    TABLES: ({PROTOCOL, SECTION}, set()),
    TOLD: ({PROTOCOL, SECTION, TABLES}, set()),
    RETRAIN: ({SECTION, TABLES}, set()),
    SETTINGS: ({PROTOCOL, SECTION, SOURCES, TABLES, TOLD, RETRAIN}, set()),
    PROTOCOL: (set(), {"orjson", "pybase64"}),
    PREPROCESSING: ({PROTOCOL}, {"PIL", "cv2", "pillow_heif", "simplejpeg"}),
    INFERENCE: ({PROTOCOL}, {"ai_edge_litert"}),
    RECORDS: ({PROTOCOL}, {"simplejpeg"}),
    PROCESSES: ({PROTOCOL}, {"filelock", "flask", "psutil", "werkzeug"}),
    BATCHES: ({PROTOCOL, PREPROCESSING, RECORDS}, {"cv2"}),
    MONITORING: (
        {PROTOCOL, PROCESSES, RECORDS},
        {"apprise", "cv2", "jinja2", "prometheus_client", "requests"},
    ),
    "fashion_model": (
        LIBRARY | {MONITORING},
        {
            *("ai_edge_litert", "cv2", "keras", "matplotlib", "orjson", "requests"),
            *("scipy", "sklearn", "tensorflow", "threadpoolctl"),
        },
    ),
    "server": (
        LIBRARY - {BATCHES} | {MONITORING},
        {
            *("flask", "itsdangerous", "jinja2", "orjson", "prometheus_client", "psutil"),
            *("pybase64", "waitress", "werkzeug"),
        },
    ),
    "desk": (
        {RECORDS, MONITORING, PROCESSES, BATCHES, PROTOCOL},
        {"flask", "jinja2", "markupsafe", "orjson", "waitress", "werkzeug"},
    ),
    "client": (
        LIBRARY - {INFERENCE} | {MONITORING},
        {"pandas", "tenacity", "rich", "requests", "urllib3", "orjson", "cv2"},
    ),
    "cluster": (
        {BATCHES, PREPROCESSING, INFERENCE, RECORDS, PROCESSES, PROTOCOL},
        {"fsspec", "pyarrow", "ray"},
    ),
    "scheduler": (
        {RECORDS, MONITORING, PROCESSES, BATCHES, PROTOCOL},
        {"apscheduler"},
    ),
}
EVERYWHERE = {"msgspec", "numpy", *sys.stdlib_module_names}
OURS = {"scoring", "fashion_model", "server", "client", "desk", "cluster", "scheduler"}


def modules(package: str) -> Iterator[Path]:
    path = CODE_ROOT / package.replace(".", "/")
    if path.with_suffix(".py").exists():
        yield path.with_suffix(".py")
    else:
        yield from path.rglob("*.py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            # "from scoring import inference" imports a package as much as "import" does.
            yield from (f"{node.module}.{name.name}" for name in node.names)


def is_allowed(package: str, name: str) -> bool:
    ours, others = ALLOWED[package]
    top = name.split(".")[0]
    if top not in OURS:
        return top in EVERYWHERE | others
    home = {package, SETTINGS, ZONE, *ours}
    return any(name == one or name.startswith(f"{one}.") for one in home)


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_the_table_allows(package: str) -> None:
    wrong = [
        f"{path.relative_to(CODE_ROOT)} imports {name}"
        for path in modules(package)
        for name in imports(path)
        if not is_allowed(package, name)
    ]
    assert wrong == []


def loaded(statement: str) -> set[str]:
    """Return the top-level modules a fresh interpreter has after ``statement``."""
    program = f"{statement}\nimport sys\nsys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CODE_ROOT, capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("statement", ["import server", "import server.app, server.command"])
def test_the_server_loads_no_tensorflow_and_no_pandas(statement: str) -> None:
    names = loaded(statement)
    assert not names & {"tensorflow", "keras", "pandas", "apprise", "rich", "cv2", "simplejpeg"}


def test_the_name_of_the_application_costs_nothing_until_it_is_asked_for() -> None:
    assert not loaded("import server") & {"flask", "msgspec", "numpy", "waitress"}
    assert "flask" in loaded("from server import create_app")


def test_the_client_loads_no_tensorflow_and_no_flask() -> None:
    names = loaded("import client.command")
    assert "requests" in names
    assert not names & {"tensorflow", "keras", "flask", "waitress", "ai_edge_litert", "jinja2"}
    assert not names & {"apprise", "pandas"}


def test_what_tells_of_a_run_is_loaded_at_its_end() -> None:
    program = "import client.command, sys\nsys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CODE_ROOT, capture_output=True, text=True, check=True
    )
    assert "scoring.monitoring.alerts.writing" not in done.stdout.split()


def test_teaching_loads_no_tensorflow() -> None:
    names = loaded("import fashion_model.teach, fashion_model.teaching.preparing as p;"
                   " import fashion_model.teaching.sealing")  # fmt: skip
    assert "sklearn" in names
    assert not names & {"tensorflow", "keras", "matplotlib", "flask"}


def test_the_scheduler_loads_neither_of_them() -> None:
    names = loaded("import scheduler.command")
    assert not names & {"tensorflow", "keras", "flask", "pandas", "cv2", "server", "client"}
    assert not names & {"jinja2", "apprise"}


def test_apprise_is_loaded_for_a_message_alone() -> None:
    """Neither for looking what waits, nor for a heartbeat."""
    names = loaded("import scoring.monitoring.alerts.__main__")
    assert not names & {"apprise", "cv2", "jinja2", "pandas", "flask"}


def test_the_desk_loads_no_model_and_no_pictures() -> None:
    names = loaded("import desk.command, desk.serving")
    assert {"flask", "waitress"} <= names
    assert not names & {"tensorflow", "keras", "ai_edge_litert", "cv2", "simplejpeg", "pandas"}
    assert not names & {"PIL", "requests", "rich", "server", "client", "scheduler", "apprise"}
