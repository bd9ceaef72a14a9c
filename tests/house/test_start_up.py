"""What each program loads at its start: names and numbers, for a guard that needs no clock.

The numbers are those of today and a tenth more. Whoever comes to one asks first whether what is new
is needed at every start, or can be loaded where it is used (docs/performance.md, "Start-up").
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from scoring.settings import CODE_ROOT

# Loads for messages, reports, training and tables: no start needs any of it.
NEVER = {"pandas", "matplotlib", "tensorflow", "keras", "sklearn", "apprise", "rich"} | {
    "pydantic",
    "scoring.settings_environment",
    "asyncio",
    "scoring.monitoring.collecting",
    "scoring.monitoring.facts",
    "scoring.monitoring.page",
}
PAGES = {"flask", "werkzeug", "jinja2", "waitress"}
PICTURES = {"cv2", "simplejpeg", "PIL"}
MODEL = {"ai_edge_litert"}
CLIENTS = {"requests", "tenacity"}
# A cycle begins a server and a client first, and asks for them while they load.
NOT_OF_A_CYCLE = (
    PAGES | MODEL | PICTURES | CLIENTS | {"numpy", "psutil", "filelock", "http.client", "ssl"}
)

# What is begun by its name; all else is loaded by scoring/processes/program.py, collector off.
BEGINNINGS = ("client.request", "server.__main__", "scheduler.__main__", "desk.__main__")
BEGINNING_MODULES = 40

# What a program imports before it does anything → what it must not have then, and most modules.
PROGRAMS = {
    "client.command": (
        PAGES | MODEL | {"psutil", "prometheus_client", "filelock", "subprocess"},
        740,
    ),
    "server.command": (PICTURES | CLIENTS | {"filelock", "psutil"}, 710),
    "scheduler.command": (NOT_OF_A_CYCLE, 165),
    "scheduler.once": (NOT_OF_A_CYCLE, 250),
    "desk.command, desk.serving": (MODEL | PICTURES | CLIENTS | {"apscheduler"}, 610),
    "scoring.monitoring.alerts.__main__": (PAGES | MODEL | PICTURES | CLIENTS, 260),
}

# Python writes and compiles the methods of a data class at each start; those of a Struct are C.
PACKAGES = ("client", "server", "scoring", "scheduler", "desk")
DATA_CLASSES = {"client/results.py"}  # pandas makes a table of those, and of no Struct


def loaded(program: str) -> set[str]:
    """Return the modules that a fresh interpreter has once ``program`` is imported."""
    code = f"import {program}, sys\nsys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CODE_ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_loads_no_more_than_its_start_needs(program: str) -> None:
    not_needed, most = PROGRAMS[program]
    modules = loaded(program)
    assert not modules & (NEVER | not_needed)
    assert len(modules) <= most


@pytest.mark.parametrize("program", BEGINNINGS)
def test_what_is_begun_by_its_name_loads_nothing_before_the_collector_is_off(program: str) -> None:
    none = len(loaded("sys"))
    assert len(loaded(program)) - none <= BEGINNING_MODULES


@pytest.mark.parametrize("package", PACKAGES)
def test_values_are_no_data_classes(package: str) -> None:
    found = {
        path.relative_to(CODE_ROOT).as_posix()
        for path in (CODE_ROOT / package).rglob("*.py")
        if "dataclasses" in path.read_text(encoding="utf-8")
    }
    assert found <= DATA_CLASSES
