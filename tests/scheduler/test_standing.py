"""Settings that change while the scheduler is up: the real logic, without waiting for its jobs."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler import settings_watch
from scheduler import standing as standing_module
from scheduler.settings_watch import SettingsWatch, settings_that_differ
from scheduler.standing import Standing, run_standing
from scoring.machine_zone import ZONE_FILES, look_anew, machine_zone
from scoring.processes.locks import instance_holder, instance_lock
from scoring.protocol.errors import Busy, ExitCode
from scoring.records.due_days import next_run
from scoring.records.ledger import Ledger, Run
from scoring.records.schema import SCHEMA_VERSION
from scoring.settings import LOCAL_FILE, Settings, load_settings

ZONES = Path("/") / ZONE_FILES
LONG_AGO = 1_000_000_000
# Looked up once: the hour may turn between two tables that are to differ by something else.
FAR_HOUR = (datetime.now(UTC).hour + 12) % 24


def change(project: Path, text: str, written_at: float | None = LONG_AGO) -> None:
    """Write the operator's settings, not this very moment."""
    file = project / LOCAL_FILE
    file.write_text(text)
    if written_at is not None:
        os.utime(file, (written_at, written_at))


@contextmanager
def standing(settings: Settings) -> Iterator[Standing]:
    with Standing(settings, SettingsWatch(settings.project), threading.Event()) as one:
        one.reconcile()
        yield one


def events(project: Path, code: str) -> list[str]:
    lines = (project / "logs" / "Events-log.txt").read_text(encoding="utf-8").splitlines()
    fields = [line.split(", ", 5) for line in lines]
    return [f"{field[1]} {field[5]}" for field in fields if field[2] == code]


@pytest.fixture
def project(project: Path) -> Path:
    """Return a project whose runs are due in half a day, so that none begins in a test."""
    change(project, far_from_now("UTC"))
    return project


def far_from_now(zone: str, more: str = "") -> str:
    return f'[schedule]\nzone = "{zone}"\nstart_at = "{FAR_HOUR:02}:00"\ncatch_up_hours = 0\n{more}'


def test_a_change_is_taken_up_and_told_with_what_is_next_by_it(project: Path) -> None:
    with standing(load_settings()) as one:
        before = one.policy()
        change(project, far_from_now("UTC", "client_after = 7\n"))
        one.reconcile()
        assert one.policy() != before
        one.reconcile()
    (told,) = events(project, "settings-changed")
    assert told.startswith("INFO taken up: schedule.client_after = 7.0; the next run is ")
    assert ":07 UTC" in told


def test_wrong_settings_are_told_once_and_the_old_ones_kept(project: Path) -> None:
    with standing(load_settings()) as one:
        before = one.policy()
        for text in ('[schedule]\nstart_at = "25:00"\n', "[schedule\n", "[shedule]\n"):
            change(project, text)
            one.reconcile()
            one.reconcile()
            assert one.policy() == before
        assert len(events(project, "settings")) == 3
        assert all("keeps the settings it had" in told for told in events(project, "settings"))
        change(project, far_from_now("UTC"))
        one.reconcile()
        change(project, "[shedule]\n")
        one.reconcile()
    assert len(events(project, "settings")) == 4, "what was mended in between is told again"


@pytest.fixture
def long_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what was written in this test be just being written, however slow the machine is."""
    monkeypatch.setattr(settings_watch, "SETTLE_SECONDS", 3_600.0)


@pytest.mark.usefixtures("long_moment")
def test_a_file_that_is_just_being_written_waits_a_moment(project: Path) -> None:
    with standing(load_settings()) as one:
        before = one.policy()
        change(project, "", written_at=None)
        one.reconcile()
        assert one.policy() == before
        change(project, "")
        one.reconcile()
        assert one.policy() != before


def test_a_key_is_named_and_never_shown(project: Path) -> None:
    with standing(load_settings()) as one:
        key = "[server]\napi_key = 'hush-hush'\nthreads = 5\n"
        change(project, far_from_now("UTC") + key)
        one.reconcile()
    (told,) = events(project, "settings-changed")
    assert told.startswith("INFO taken up: server.threads = 5, server.api_key; ")


def test_the_lock_goes_where_the_ledger_goes(project: Path) -> None:
    with standing(load_settings()) as one:
        old = load_settings()
        change(project, far_from_now("UTC") + '[paths]\nledger = "elsewhere/ledger.db"\n')
        one.reconcile()
        new = load_settings()
        holder = instance_holder(new)
        assert holder
        assert holder.pid == os.getpid()
        assert instance_holder(old) is None
        with pytest.raises(Busy), instance_lock(new, "another"):
            pass
    assert instance_holder(new) is None
    assert (project / "elsewhere" / "ledger.db").exists()


def test_where_another_scheduler_is_it_stays_with_its_own_ledger(project: Path) -> None:
    text = far_from_now("UTC") + '[paths]\nledger = "elsewhere/ledger.db"\n'
    with standing(load_settings()) as one:
        change(project, text)
        with instance_lock(load_settings(), "another scheduler"):
            one.reconcile()
            one.reconcile()
            (told,) = events(project, "settings")
            assert "another scheduler (process" in told
        one.reconcile()
        assert events(project, "settings-changed")


@pytest.mark.skipif(os.name == "nt", reason="TZ is not Windows'")
def test_the_machines_zone_is_taken_up_too(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(project, far_from_now(""))
    monkeypatch.setenv("TZ", "UTC")
    machine_zone.cache_clear()
    try:
        with standing(load_settings()) as one:
            monkeypatch.setenv("TZ", "Asia/Tokyo")
            one.reconcile()
            assert str(one.policy().zone) == "Asia/Tokyo"
        (told,) = events(project, "settings-changed")
        assert "taken up: the machine's zone; the next run is " in told
        assert " Asia/Tokyo (" in told
    finally:
        machine_zone.cache_clear()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no files of zones")
@pytest.mark.parametrize("by", ["schedule.zone", "TZ"])
def test_new_rules_of_the_zone_are_taken_up(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """A country gives up its summer time, an update brings that, and nobody restarts anything."""
    town = tmp_path / "zones" / "Far" / "Town"
    town.parent.mkdir(parents=True)
    shutil.copyfile(ZONES / "Asia/Tokyo", town)
    monkeypatch.setenv("TZ", "Far/Town")
    change(project, far_from_now("Far/Town" if by == "schedule.zone" else ""))
    zoneinfo.reset_tzpath(to=[str(tmp_path / "zones"), *zoneinfo.TZPATH])
    machine_zone.cache_clear()
    try:
        with standing(load_settings()) as one:
            shutil.copyfile(ZONES / "Asia/Kathmandu", town)
            one.reconcile()
            now = datetime.now(one.policy().zone)
            assert now.utcoffset() == timedelta(hours=5, minutes=45)
            one.reconcile()
        (told,) = events(project, "settings-changed")
        assert "taken up: the rules of Far/Town; the next run is " in told
    finally:
        zoneinfo.reset_tzpath()
        look_anew()


def test_a_start_time_changed_on_a_day_that_has_had_its_run_says_so(project: Path) -> None:
    settings = load_settings()
    with standing(settings) as one:
        coming = next_run(settings.now(), one.policy(), settings.now(), {}).day.date
        with Ledger.from_settings(settings) as ledger:
            now = settings.now()
            trial = Run("r", "nightly", coming, "new", (), "done", "", "", "", now, now)
            ledger.start_run(trial)
        change(project, far_from_now("UTC", "client_after = 7\n"))
        one.reconcile()
    (told,) = events(project, "settings-changed")
    assert told.startswith("WARNING taken up: schedule.client_after = 7.0; the next run is ")
    assert f"{coming} is passed over, for it has had its run at {now:%H:%M} (done)" in told


def set_schema(project: Path, version: int) -> None:
    with closing(sqlite3.connect(project / "data" / "ledger.db")) as ledger:
        ledger.execute(f"PRAGMA user_version = {version}")


def test_it_ends_once_newer_software_has_its_ledger(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What keeps it up starts the new one; this one could run no night any more."""

    def jobs(_: object, reconcile: Callable[[], None], stop: threading.Event, __: object) -> None:
        reconcile()
        assert not stop.is_set()
        set_schema(project, SCHEMA_VERSION + 1)
        reconcile()
        assert stop.is_set()

    monkeypatch.setattr(standing_module, "run_jobs", jobs)
    monkeypatch.setattr(standing_module, "on_stop_signals", lambda *_, **__: None)
    assert run_standing(load_settings()) == ExitCode.FAILED
    (told,) = events(project, "scheduler-outdated")
    assert "start it anew" in told
    assert len(events(project, "scheduler-stopped")) == 1


def test_it_ends_so_after_a_change_of_settings_too(project: Path) -> None:
    with standing(load_settings()) as one:
        set_schema(project, SCHEMA_VERSION + 1)
        change(project, far_from_now("UTC", "client_after = 7\n"))
        one.reconcile()
        assert events(project, "settings-changed")
        assert one.is_outdated


def test_one_that_was_too_old_from_its_start_waits_for_the_software(project: Path) -> None:
    Ledger.from_settings(load_settings()).close()
    set_schema(project, SCHEMA_VERSION + 1)
    with standing(load_settings()) as one:
        one.reconcile()
        assert not one.is_outdated
        set_schema(project, SCHEMA_VERSION)
        one.reconcile()
    assert len(events(project, "ledger")) == 1


@pytest.mark.usefixtures("long_moment")
def test_news_are_told_once_for_each_change(project: Path) -> None:
    watch = SettingsWatch(project)
    assert not watch.has_news()
    change(project, "x = 1")
    assert [watch.has_news(), watch.has_news()] == [True, False]
    (project / LOCAL_FILE).unlink()
    assert [watch.has_news(), watch.has_news()] == [True, False]
    change(project, "", written_at=None)
    assert not watch.has_news(), "it may be half of what it will be"
    change(project, "")
    assert watch.has_news()


def test_a_batchs_table_that_comes_changes_or_goes_is_told(project: Path) -> None:
    plain = load_settings()
    digits = load_settings(batches={"D 1": {"model": "digits"}})
    hats = load_settings(batches={"D 1": {"model": "hats"}})
    assert settings_that_differ(plain, digits) == ["batches.D 1 = {'model': 'digits'}"]
    assert settings_that_differ(digits, hats) == ["batches.D 1 = {'model': 'hats'}"]
    assert settings_that_differ(hats, plain) == ["batches.D 1 = None"]
    assert settings_that_differ(hats, hats) == []
