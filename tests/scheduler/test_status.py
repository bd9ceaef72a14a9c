from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs
from msgspec.structs import replace

from scheduler.status import show_status
from scoring.processes.locks import run_lock
from scoring.records import alerts, model_switches
from scoring.records.alerts import Message
from scoring.records.ledger import ChunkCost, Ledger, Run, ScoredImage, State
from scoring.records.model_switches import ModelSwitch
from scoring.records.times import utc_text
from scoring.settings import Settings, load_settings

NOW = datetime.now(UTC).replace(microsecond=0)


def night(days_ago: int, state: State, reason: str = "", batches: tuple[str, ...] = ("G1",)) -> Run:
    started = NOW - timedelta(days=days_ago)
    ended = None if state == "running" else started + timedelta(seconds=90)
    name = f"{started:%Y%m%d-%H%M%S}-abcd"
    return Run(
        name, "nightly", started.date(), "new", batches, state, reason, "", "", started, ended
    )


def write(settings: Settings, *runs: Run) -> None:
    with Ledger.from_settings(settings) as ledger:
        for run in runs:
            ledger.start_run(run)


def show(settings: Settings, capsys: pytest.CaptureFixture[str]) -> list[str]:
    show_status(settings)
    return capsys.readouterr().out.splitlines()


def test_before_the_first_run_nothing_is_made(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(settings.project.rglob("*"))
    lines = show(settings, capsys)
    assert lines[:2] == ["No run yet.", "Scheduler: not running"]
    assert lines[-1].startswith("Next run:  ")
    assert sorted(settings.project.rglob("*")) == before


def test_the_last_message_stands_with_what_became_of_it(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Alerts:    nobody is told (alerts.urls is empty)" in show(settings, capsys)
    monkeypatch.setenv("SCORING_ALERTS__URLS__MAIL", "mailto://s3cret.example")
    changed = load_settings()
    assert "Alerts:    none so far" in show(changed, capsys)
    message = Message("r1", "run-failed", "problem", "The run failed", "")
    with Ledger.from_settings(changed) as ledger:
        alerts.write(ledger.database, [message], ("mail",), NOW)
    (line,) = [line for line in show(changed, capsys) if line.startswith("Alerts:")]
    assert line.endswith("The run failed (run-failed): mail waiting")


def test_which_version_of_a_model_serves_since_when(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    first = ModelSwitch("fashion", "a" * 64, "b" * 64, "promote", "anna", utc_text(NOW))
    later = replace(first, from_version="b" * 64, to_version="a" * 64, action="rollback")
    with Ledger.from_settings(settings) as ledger:
        model_switches.add(ledger.database, first)
    since = NOW.astimezone(settings.zone).strftime("%Y-%m-%d %H:%M")
    promoted = f"Model:     fashion {'b' * 12} since {since}, promoted by anna in the place of "
    assert promoted + "a" * 12 in show(settings, capsys)
    with Ledger.from_settings(settings) as ledger:
        model_switches.add(ledger.database, later)
    (line,) = [line for line in show(settings, capsys) if line.startswith("Model:")]
    assert line.startswith(f"Model:     fashion {'a' * 12} since {since}, rolled back to by anna")


def test_every_id_is_whole_however_long_the_names(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    many = tuple(f"batch-of-{number}" for number in range(30))
    runs = [night(2, "done", batches=many), night(1, "failed", "the disk was full; " * 20)]
    runs = [replace(run, kind="manual", due_date=None) for run in runs]
    write(settings, *runs)
    text = "\n".join(show(settings, capsys))
    for run in runs:
        assert run.id in text
        assert ", ".join(run.batches) in text
        assert run.reason in text


def test_a_night_names_the_batches_it_had_images_of(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """It looks into every folder there is: after a year each line named them all."""
    run = night(1, "running", batches=tuple(f"day-{number}" for number in range(300)))
    write(settings, run)
    with Ledger.from_settings(settings) as ledger:
        ledger.touch_batch(run.id, "day-299", 0, ["1.png"])
        image = ScoredImage(1, "1.png", "a" * 64, label="Bag", confidence=0.9)
        ledger.commit_chunk(run.id, "day-299", "v1", [image], ChunkCost(), NOW)
        ledger.close_batch(run.id, "day-299", 1.0)
        ledger.finish_run(run.id, "done", "", NOW)
    (line,) = [line for line in show(settings, capsys) if line.startswith(run.id)]
    assert line.split()[-2:] == ["done", "day-299"]


def test_a_night_that_has_not_ended_names_the_first_of_the_batches_it_looks_into(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    many = tuple(f"day-{number}" for number in range(300))
    runs = night(1, "running", batches=many), night(0, "running", batches=("G1", "G2"))
    write(settings, *runs)
    few, line = show(settings, capsys)[1:3]
    assert line.endswith("  day-0, day-1, day-2, day-3 and 296 more")
    assert few.endswith("  G1, G2")


def test_advice_stands_below_its_run(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [night(2, "done"), night(1, "partial", "G2 was away", ("G1", "G2"))]
    write(settings, *runs)
    with Ledger.from_settings(settings) as ledger:
        for position, batch in enumerate(("G1", "G2")):
            ledger.touch_batch(runs[1].id, batch, position, [])
        ledger.advise(runs[1].id, "G1", "G1: another model knows more")
    lines = show(settings, capsys)
    (place,) = [number for number, line in enumerate(lines) if "another model" in line]
    assert lines[place - 1 : place + 1] == [
        "    G2 was away",
        "    G1: another model knows more",
    ]
    assert runs[1].id in lines[place - 2]


def test_the_seconds_are_those_of_the_run_alone(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    write(settings, night(1, "done"), night(0, "running"))
    header, running, done, *_ = show(settings, capsys)
    end = header.index("Run [s]") + len("Run [s]")
    assert done[:end].endswith("  90.0")
    assert running[:end].endswith("   ")


def test_a_run_that_nobody_works_on_is_interrupted(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    killed, going = night(2, "running"), night(0, "running")
    write(settings, killed, going)
    lines = show(settings, capsys)
    assert [" interrupted" in line for line in lines[1:3]] == [True, True]
    with run_lock(settings, "python -m client.request"):
        lines = show(settings, capsys)
    assert " running" in lines[1]
    assert going.id in lines[1]
    assert " interrupted" in lines[2]


def test_it_is_right_after_a_kill(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """The lock's file and its holder's name are still there, its holder is not."""
    write(settings, night(0, "running"))
    with run_lock(settings, "python -m client.request"):
        sidecar = settings.ledger_file.with_name("run.lock.json")
        name = sidecar.read_text()
    sidecar.write_text(name)
    assert " interrupted" in show(settings, capsys)[1]


def test_the_day_that_has_had_its_run_is_not_promised(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noon in the schedule's zone; a trial at half past eleven, and the run at 18:00."""
    monkeypatch.setenv("SCORING_SCHEDULE__ZONE", f"Etc/GMT{NOW.hour - 12:+d}")
    settings = load_settings()
    today = datetime.now(settings.zone).date()
    trial = night(0, "done")
    write(settings, structs.replace(trial, due_date=today))
    line = show(settings, capsys)[-1]
    assert f"Next run:  {today + timedelta(days=1)} 18:05 " in line
    assert f"{today} is passed over, for it has had its run" in line
