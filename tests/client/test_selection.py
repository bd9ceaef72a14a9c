from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from client.command_line import parse_arguments
from client.run_request import RunRequest
from client.selection import select
from scoring.protocol.errors import BatchMissing, UsageError
from scoring.records.events_log import EventsLog
from scoring.records.results_place import HEADER_START
from scoring.settings import load_settings

NIGHT = "2026-11-20"


@pytest.fixture
def home(project: Path) -> Path:
    """Return the folder of two batches."""
    for name in ("G1", "G2"):
        (project / "image_batches" / name).mkdir()
    return project / "image_batches"


def asked(*argv: str) -> RunRequest:
    settings = load_settings()
    return select(settings, parse_arguments(argv), EventsLog.from_settings(settings))


def names(*argv: str) -> list[str]:
    return [batch.name for batch in asked(*argv).batches]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("argv", "scope"),
    [
        (["G1"], "all"),
        (["G1", "--new"], "new"),
        (["--every-batch"], "new"),
        (["--every-batch", "--all"], "all"),
        (["--nightly", NIGHT], "new"),
        (["--nightly", NIGHT, "--all"], "all"),
        (["G1", "--nightly", NIGHT], "new"),
    ],
)
def test_by_hand_all_of_a_batch_and_at_night_what_is_new(argv: list[str], scope: str) -> None:
    assert asked(*argv).scope == scope


@pytest.mark.usefixtures("home")
def test_the_night_has_its_day_and_its_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked("--nightly", NIGHT).due_date == date(2026, 11, 20)
    assert asked("G1").due_date is None
    assert names("--nightly", NIGHT) == ["G1", "G2"]
    monkeypatch.setenv("SCORING_SCHEDULE__BATCHES", '["G2", "later"]')
    assert names("--nightly", NIGHT) == ["G2", "later"]
    assert names("--nightly", NIGHT, "G1") == ["G1"]


@pytest.mark.usefixtures("home")
def test_by_hand_settings_of_the_night_choose_no_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORING_SCHEDULE__BATCHES", '["G2"]')
    assert names("--every-batch") == ["G1", "G2"]
    with pytest.raises(UsageError, match="name a batch"):
        asked()


def test_a_batch_is_scored_once_however_its_folder_is_spelt(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home.parent)
    spelt = ["G1", "G2", "G1/", "image_batches/G1", "G2/../G1", str(home / "G1")]
    assert names(*spelt) == ["G1", "G2"]
    assert names("--nightly", NIGHT, *spelt) == ["G1", "G2"]


@pytest.mark.usefixtures("home")
def test_a_missing_batch_ends_a_run_by_hand_and_a_night_only_where_none_is_left() -> None:
    with pytest.raises(BatchMissing, match="no batch gone: there is no folder"):
        asked("G1", "gone")
    assert names("--nightly", NIGHT, "G1", "gone") == ["G1", "gone"]
    with pytest.raises(BatchMissing, match="no batch gone"):
        asked("--nightly", NIGHT, "gone", "gone too")


def test_what_looks_like_a_batch_and_is_none_is_told(home: Path) -> None:
    (home / "link").symlink_to(home / "G1", target_is_directory=True)
    (home / "@eaDir").mkdir()
    for name in ("1.png", "2.JPG", "3.png", ".4.png", "._5.png", "G1.labels.csv"):
        (home / name).touch()
    assert names("--every-batch") == ["G1", "G2"]
    log = EventsLog.from_settings(load_settings()).path.read_text(encoding="utf-8")
    skipped, loose, litter = log.splitlines()
    assert "WARNING, batches-skipped" in skipped
    assert skipped.endswith("if they are to be scored: link")
    assert "WARNING, batches-skipped" in loose
    assert loose.endswith("are in none, move them into a folder there: 2 .png, 1 .jpg")
    assert "INFO, litter-left-out" in litter
    assert litter.endswith("no batches: 1 @eaDir")


def test_no_batch_at_all_is_an_empty_night(project: Path) -> None:
    assert asked("--nightly", NIGHT).batches == ()


@pytest.mark.usefixtures("home")
def test_results_that_go_to_the_usual_place_go_nowhere_else(project: Path, tmp_path: Path) -> None:
    usual, other = project / "Results.csv", tmp_path / "mine.csv"
    usual.write_bytes(HEADER_START)
    link = tmp_path / "link.csv"
    os.symlink(usual, link)
    assert asked("G1").out is None
    assert asked("G1", "--out", str(usual)).out is None
    assert asked("G1", "--out", str(link)).out is None
    assert asked("G1", "--out", str(other)).out == other


@pytest.mark.usefixtures("home")
def test_each_batch_has_the_model_that_stands_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORING_BATCHES", '{"G1": {"model": "digits"}}')
    assert asked("G1", "G2").models == {"G1": "digits", "G2": ""}
    assert asked("G1", "G2").model_names == ("digits", "")
    assert asked("G1", "--model", "hats").models == {"G1": "hats"}
    monkeypatch.setenv("SCORING_CLIENT__MODEL", "fashion")
    assert asked("--nightly", NIGHT).models == {"G1": "digits", "G2": "fashion"}


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("command", [["--nightly", NIGHT], ["--every-batch"]])
def test_a_table_that_no_batch_has_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("SCORING_BATCHES", '{"G3": {"model": "digits"}, "G2": {}}')
    asked(*command)
    (line,) = EventsLog.from_settings(load_settings()).path.read_text("utf-8").splitlines()
    assert 'WARNING, batch-unknown, , , settings have [batches."G3"]: no batch G3' in line


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("argv", [("G1",), ("--nightly", NIGHT, "G2"), ("--every-batch",)])
def test_a_run_of_any_batch_tells_of_a_misspelt_table(
    argv: tuple[str, ...], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_BATCHES", '{"g1": {"model": "digits"}}')
    asked(*argv)
    log = (project / "logs" / "Events-log.txt").read_text(encoding="utf-8")
    assert log.count("batch-unknown") == 1
    assert 'written differently: write [batches."G1"]' in log
