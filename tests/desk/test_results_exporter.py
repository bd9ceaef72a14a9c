"""What was decided comes into Results.csv by itself, as far as nobody is in the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.results_exporter import ResultsExporter
from scoring.processes.locks import EXPORT, run_holder, run_lock
from scoring.settings import Settings
from tests.scoring.records.results_desk import ResultsDesk


@pytest.fixture
def desk(settings: Settings) -> Iterator[ResultsDesk]:
    desk = ResultsDesk(settings)
    yield desk
    desk.ledger.close()


@pytest.fixture
def exporter(desk: ResultsDesk) -> ResultsExporter:
    return ResultsExporter(desk.settings, desk.events)


def test_a_decision_is_in_the_file_after_a_step(
    desk: ResultsDesk, exporter: ResultsExporter
) -> None:
    assert not exporter.step()
    desk.decide(1, "Coat")
    assert exporter.step()
    assert desk.shown() == ["Coat", "", "", ""]
    before = desk.path.stat()
    assert not exporter.step()
    assert desk.path.stat().st_mtime_ns == before.st_mtime_ns, "written though nothing was new"


def test_a_run_that_is_active_is_let_be(desk: ResultsDesk, exporter: ResultsExporter) -> None:
    desk.decide(1, "Coat")
    with run_lock(desk.settings, "a run"):
        assert not exporter.step()
    assert desk.shown()[0] == ""
    assert exporter.step()
    assert desk.shown()[0] == "Coat"


def test_a_file_held_open_is_waited_for_and_told_once(
    desk: ResultsDesk, exporter: ResultsExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Excel on Windows holds it, through the seam where Windows refuses."""
    replace = os.replace

    def held(source: Path, target: Path) -> None:
        if Path(target) == desk.path:
            raise PermissionError(13, "used by another process")
        replace(source, target)

    desk.decide(1, "Coat")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", held)
        assert not exporter.step()
        assert not exporter.step()
    assert desk.told().count("results-held") == 1
    assert desk.shown()[0] == ""
    assert [path.name for path in desk.path.parent.glob("Results*")] == ["Results.csv"]
    assert exporter.step()
    assert desk.shown()[0] == "Coat"


def test_a_file_open_in_libreoffice_is_waited_for(
    desk: ResultsDesk, exporter: ResultsExporter
) -> None:
    lock = desk.path.with_name(".~lock.Results.csv#")
    lock.write_text(",anna,desk,;")
    desk.decide(1, "Coat")
    assert not exporter.step()
    assert desk.shown()[0] == ""
    lock.unlink()
    assert exporter.step()
    lock.write_text("left by a crash")
    os.utime(lock, (0, 0))
    desk.decide(2, "Coat")
    assert exporter.step()
    assert desk.shown() == ["Coat", "Coat", "", ""]


def test_what_was_typed_is_a_review_after_a_step_and_the_file_is_left_alone(
    desk: ResultsDesk, exporter: ResultsExporter
) -> None:
    desk.type({1: "coat", 2: "Hut"}, None)
    before = desk.path.read_bytes()
    assert not exporter.step()
    assert str(desk.standing(1)) == "Coat"
    assert desk.path.read_bytes() == before
    assert desk.kept() == [["2.png", "Hut"]]
    assert not exporter.step()
    assert len(desk.kept()) == 1


def test_what_a_run_could_not_write_is_written(
    desk: ResultsDesk, exporter: ResultsExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "disk full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="disk full"):
            desk.run("r2", content="b")
    assert exporter.step()
    assert desk.ledger.unwritten_batches() == frozenset()


def test_without_a_ledger_nothing_is_made(settings: Settings, desk: ResultsDesk) -> None:
    other = Settings(project=settings.project / "other")
    assert not ResultsExporter(other, desk.events).step()
    assert not other.project.exists()


def test_an_export_is_no_run_and_a_run_waits_for_it(desk: ResultsDesk) -> None:
    with run_lock(desk.settings, EXPORT):
        assert run_holder(desk.settings) is None
