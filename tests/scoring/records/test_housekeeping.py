from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from scoring.inference.bundle import load_bundle
from scoring.protocol.errors import LedgerDamaged
from scoring.records import submissions
from scoring.records.events_log import EventsLog
from scoring.records.housekeeping import Housekeeping
from scoring.records.ledger import Ledger, Run
from scoring.records.ledger_file import backups_by_age
from scoring.records.recovery import recover_ledger
from scoring.records.run_id import new_run_id
from scoring.settings import Settings, load_settings
from tests.conftest import BUNDLE

NOW = datetime(2026, 11, 21, 18, 20, tzinfo=UTC)


@pytest.fixture
def events(settings: Settings) -> EventsLog:
    return EventsLog(settings.logs_folder, 10_000_000, 5)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with Ledger(settings.ledger_file, 1) as ledger:
        ledger.set_fact("hello", "world")
        yield ledger


def keep_house(
    ledger: Ledger, events: EventsLog, now: datetime = NOW, nightly: bool = True
) -> None:
    Housekeeping(load_settings(), ledger, events, now).run(nightly=nightly)


def codes(events: EventsLog) -> list[str]:
    if not events.path.exists():
        return []
    return [line.split(", ")[2] for line in events.path.read_text().splitlines()]


def test_a_week_of_backups_is_kept_and_each_is_whole(
    settings: Settings, ledger: Ledger, events: EventsLog
) -> None:
    for day in range(10):
        keep_house(ledger, events, NOW + timedelta(days=day))
    names = sorted(path.name for path in settings.backups_folder.iterdir())
    assert names == [f"ledger-2026-11-{day}.db" for day in range(24, 31)]
    with closing(sqlite3.connect(settings.backups_folder / names[0])) as copy:
        assert copy.execute("SELECT value FROM facts").fetchall() == [("world",)]
    assert codes(events) == []


def test_backups_of_days_to_come_count_as_the_oldest(
    settings: Settings, ledger: Ledger, events: EventsLog
) -> None:
    """The clock was years ahead for some nights: they must not push out what is made now."""
    for day in range(5):
        keep_house(ledger, events, NOW.replace(year=2031) + timedelta(days=day))
    for day in range(5):
        keep_house(ledger, events, NOW + timedelta(days=day))
    last = NOW + timedelta(days=4)
    names = [path.name for path in backups_by_age(settings.backups_folder, last)]
    assert names == [
        *(f"ledger-2026-11-{day}.db" for day in (25, 24, 23, 22, 21)),
        *("ledger-2031-11-25.db", "ledger-2031-11-24.db"),
    ]


def test_what_a_killed_copy_left_behind_goes(
    settings: Settings, ledger: Ledger, events: EventsLog
) -> None:
    keep_house(ledger, events)
    for name in (".ledger-2026-11-20.db.aa11.part", ".ledger-2026-11-20.db.aa11.part-wal"):
        (settings.backups_folder / name).write_bytes(b"torn")
    of_older = settings.ledger_file.with_name(".ledger-schema-5.db.aa11.part")
    of_older.write_bytes(b"torn, when it was upgraded")
    keep_house(ledger, events, nightly=False)
    assert [path.name for path in settings.backups_folder.iterdir()] == ["ledger-2026-11-21.db"]
    assert not of_older.exists()
    assert codes(events) == []


def test_by_hand_one_backup_a_day_is_enough(
    settings: Settings, ledger: Ledger, events: EventsLog
) -> None:
    keep_house(ledger, events, nightly=False)
    (backup,) = settings.backups_folder.iterdir()
    made = backup.stat().st_mtime_ns
    keep_house(ledger, events, nightly=False)
    assert backup.stat().st_mtime_ns == made
    keep_house(ledger, events, nightly=True)
    assert backup.stat().st_mtime_ns > made


def test_what_is_kept_for_ever_is_kept(
    settings: Settings, ledger: Ledger, events: EventsLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KEEP_DAYS", "RUNS_KEEP_DAYS"):
        monkeypatch.setenv(f"SCORING_RECORDS__{name}", "36500")
    copy = settings.logs_folder / "runs" / "19400101-180500-abcd"
    copy.mkdir(parents=True)
    keep_house(ledger, events)
    assert copy.exists()
    assert codes(events) == []


def test_copies_of_old_runs_go_and_nothing_else(
    settings: Settings, ledger: Ledger, events: EventsLog
) -> None:
    runs = settings.logs_folder / "runs"
    for name in ("20260101-180500-abcd", "20261120-180500-abcd", "notes"):
        (runs / name).mkdir(parents=True)
        (runs / name / "Results.csv").touch()
    keep_house(ledger, events)
    assert sorted(os.listdir(runs)) == ["20261120-180500-abcd", "notes"]


@pytest.mark.parametrize("uploads", [False, True])
def test_a_clock_that_is_years_ahead_for_a_night_costs_nothing(
    settings: Settings, ledger: Ledger, events: EventsLog, uploads: bool
) -> None:
    """A machine that starts before its clock is set scores what is due by that, and keeps house."""
    nights = [NOW - timedelta(days=500), NOW - timedelta(days=1), NOW.replace(year=2040), NOW]
    kept = []
    for night in nights:
        run_id = new_run_id(night)
        day = night.date()
        if uploads:
            submissions.keep(ledger, load_bundle(BUNDLE).signature, [], night)
        ledger.start_run(Run(run_id, "nightly", day, "new", (), "done", "", "", "", night, night))
        (settings.logs_folder / "runs" / run_id).mkdir(parents=True)
        keep_house(ledger, events, night)
        kept.append((len(ledger.runs(9)), len(os.listdir(settings.logs_folder / "runs"))))
    assert kept == [(1, 1), (2, 2), (2, 2), (3, 3)], "what is too old goes with the next run"


def test_a_disk_that_is_nearly_full_is_told(
    ledger: Ledger, events: EventsLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_RECORDS__LOW_DISK_BYTES", str(10**15))
    keep_house(ledger, events)
    assert codes(events) == ["disk-nearly-full"]


def test_a_chore_that_fails_is_an_event_and_the_others_are_done(
    settings: Settings, ledger: Ledger, events: EventsLog
) -> None:
    settings.backups_folder.write_text("a file in the place of the folder")
    old = settings.logs_folder / "runs" / "20260101-180500-abcd"
    old.mkdir(parents=True)
    keep_house(ledger, events)
    assert codes(events) == ["housekeeping"]
    assert not old.exists()


def test_damage_that_no_query_met_is_found_by_the_backup(
    settings: Settings, ledger: Ledger, events: EventsLog
) -> None:
    ledger.close()
    with closing(sqlite3.connect(settings.ledger_file)) as database:
        database.executemany(
            "INSERT INTO facts VALUES (?, ?)", ((f"more {n}", "x" * 90) for n in range(9_000))
        )
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with settings.ledger_file.open("r+b") as file:
        file.seek(settings.ledger_file.stat().st_size // 2 // 4096 * 4096)
        file.write(os.urandom(4096))
    with Ledger(settings.ledger_file, 1) as spoilt, pytest.raises(LedgerDamaged):
        keep_house(spoilt, events)
    assert not list(settings.backups_folder.glob("*"))


def test_the_newest_backup_that_is_whole_is_restored(
    settings: Settings, ledger: Ledger, events: EventsLog
) -> None:
    for day in range(3):
        ledger.set_fact("day", str(day))
        keep_house(ledger, events, NOW + timedelta(days=day))
    ledger.close()
    newest = settings.backups_folder / "ledger-2026-11-23.db"
    newest.write_bytes(newest.read_bytes()[:5000])
    settings.ledger_file.write_bytes(b"spoilt" * 1000)
    with pytest.raises(LedgerDamaged) as damage:
        Ledger(settings.ledger_file, 1)
    recover_ledger(settings, events, damage.value, NOW + timedelta(days=3))
    with Ledger(settings.ledger_file, 1) as restored:
        assert restored.fact("day") == "1"
    aside = settings.ledger_file.with_name("ledger-damaged-20261124-182000.db")
    assert aside.read_bytes() == b"spoilt" * 1000
    assert "replaced by the backup ledger-2026-11-22.db" in events.path.read_text()
