"""The files of deploy/ against the software they start."""

from __future__ import annotations

import configparser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from desk.serving import STOP_SECONDS
from scoring.protocol.errors import ExitCode
from scoring.settings import CODE_ROOT, Settings, load_settings

DEPLOY = CODE_ROOT / "deploy"
NAMESPACE = {"task": "http://schemas.microsoft.com/windows/2004/02/mit/task"}


def read_unit(name: str) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd minds the case
    unit.read(DEPLOY / name, encoding="utf-8")
    return unit


def test_systemd_gives_the_scheduler_the_time_it_needs_to_stop(settings: Settings) -> None:
    service = read_unit("garment-scorer.service")["Service"]
    assert service["ExecStart"].endswith("/.venv/bin/python -m scheduler")
    assert service["KillMode"] == "mixed"
    needed = settings.client.stop_seconds + settings.server.stop_seconds
    assert float(service["TimeoutStopSec"].removesuffix("s")) >= needed + 10


def test_the_drop_in_sets_a_setting_there_is(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, value = read_unit("garment-scorer-always-on.conf")["Service"]["Environment"].split("=")
    monkeypatch.setenv(name, value)
    assert load_settings().schedule.stop_after == "never"


@pytest.mark.parametrize("program", ["scheduler", "desk"])
def test_systemd_starts_again_what_may_mend_itself_and_nothing_else(program: str) -> None:
    """A disk that comes a minute after the machine must not cost every night from then on."""
    unit = read_unit(f"garment-scorer{'-desk' * (program == 'desk')}.service")
    service = unit["Service"]
    assert service["ExecStart"].endswith(f"/.venv/bin/python -m {program}")
    assert service["Restart"] == "always"
    final = {str(int(code)) for code in (ExitCode.USAGE, ExitCode.BUSY)}
    assert set(service["RestartPreventExitStatus"].split()) == final
    assert unit["Unit"]["StartLimitIntervalSec"] == "0", "by default five starts are all"
    assert float(service["RestartSec"].removesuffix("s")) >= 10


def test_systemd_gives_the_desk_the_time_it_needs_to_stop() -> None:
    service = read_unit("garment-scorer-desk.service")["Service"]
    assert float(service["TimeoutStopSec"].removesuffix("s")) >= STOP_SECONDS + 5


@pytest.mark.parametrize("program", ["scheduler", "desk"])
def test_the_windows_task_stays_and_starts_in_the_project_folder(program: str) -> None:
    name = {"scheduler": "garment-scorer.xml", "desk": "garment-scorer-desk.xml"}[program]
    text = (DEPLOY / name).read_text(encoding="ascii")
    task = ElementTree.fromstring(text)

    def value(path: str) -> str | None:
        return task.findtext(path, namespaces=NAMESPACE)

    assert value(".//task:Exec/task:Arguments") == f"-m {program}"
    assert value(".//task:Exec/task:WorkingDirectory") == "C:\\garment-scorer"
    assert value(".//task:ExecutionTimeLimit") == "PT0S"


def test_every_file_the_readme_names_is_there() -> None:
    text = (DEPLOY / "README.md").read_text(encoding="utf-8")
    for path in DEPLOY.iterdir():
        assert path.name == "README.md" or path.name in text
