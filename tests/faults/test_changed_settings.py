"""Rows 59 and 60: the machine is of two minds about its zone, settings change while it is up."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler.launcher import ClientJob, ProcessLauncher
from scoring.settings import LOCAL_FILE, load_settings
from tests.conftest import write_batch
from tests.deadlines import DEADLINE, wait_for
from tests.end_to_end.scheduler_process import Desk
from tests.faults.desk import LINUX, LONG_AGO, MOUNTS, Project
from tests.faults.oracle import assert_truth

# An /etc of its own, for one program: the clock goes by Berlin, and a file says UTC.
BERLIN_OR_UTC = """
[ -d "{etc}" ] || cp -r /etc "{etc}" 2>/dev/null || true
ln -sf /usr/share/zoneinfo/Europe/Berlin "{etc}/localtime"
echo UTC >"{etc}/timezone"
mount --bind "{etc}" /etc
"""
START = """
import threading
from scheduler.settings_watch import SettingsWatch
from scheduler.standing import Standing
from scoring.settings import load_settings
settings = load_settings()
with Standing(settings, SettingsWatch(settings.project), threading.Event()):
    pass
"""
BOTH_NAMES = (
    "the machine's zone is Europe/Berlin by /etc/localtime, but UTC by /etc/timezone; the clock's "
    'is used. To be sure, write zone = "Europe/Berlin" or zone = "UTC" below [schedule] in '
    "settings.local.toml"
)


@MOUNTS
def test_row_59_the_machine_is_of_two_minds_about_its_zone(
    faulty: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schedule goes by the clock that the machine shows, and whoever looks is told."""
    monkeypatch.delenv("TZ", raising=False)
    mounts = BERLIN_OR_UTC.format(etc=faulty.folder / "etc")
    check = faulty.run_mounted(mounts, "-m", "scheduler", "check")
    assert f"WARN  zone         {BOTH_NAMES}\n" in check.stdout
    before = next_evening_in_berlin()
    faulty.run_mounted(mounts, "-c", START)
    started, ambiguous, _ = faulty.events().splitlines()
    # It may be evening just now.
    assert any(
        f"INFO, scheduler-started, , , up; the next run is {evening}" in started
        for evening in (before, next_evening_in_berlin())
    )
    assert ambiguous.endswith(f"WARNING, zone-ambiguous, , , {BOTH_NAMES}")
    monkeypatch.setenv("SCORING_SCHEDULE__ZONE", "UTC")
    check = faulty.run_mounted(mounts, "-m", "scheduler", "check")
    assert "OK    zone         UTC (schedule.zone)\n" in check.stdout


def next_evening_in_berlin() -> str:
    """Return the next 18:05 there, in its own time and in UTC."""
    now = datetime.now(ZoneInfo("Europe/Berlin"))
    evening = now.replace(hour=18, minute=5, second=0, microsecond=0)
    evening += timedelta(days=1) if evening <= now else timedelta(0)
    return f"{evening:%Y-%m-%d %H:%M} Europe/Berlin ({evening.astimezone(UTC):%Y-%m-%d %H:%M} UTC)"


def write_settings(night: Desk, **schedule: object) -> None:
    """Write the operator's file, with a time at which no editor is at work any more."""
    file = night.project / LOCAL_FILE
    file.write_text(
        "[schedule]\n" + "".join(f"{key} = {value!r}\n" for key, value in schedule.items())
    )
    os.utime(file, (LONG_AGO, LONG_AGO))


@LINUX
def test_row_60_settings_changed_while_up(night: Desk) -> None:
    """The new time is run at, not the old one; wrong settings change nothing, and are told."""
    write_batch(night.project / "image_batches" / "G1", 3)
    now = datetime.now(UTC)
    noon = {"zone": f"Etc/GMT{now.hour - 12:+d}", "client_after": 0, "settle_seconds": 0}
    with night.ledger() as ledger:
        ledger.set_fact("first_start", (now - timedelta(hours=1)).isoformat())
    write_settings(night, **noon, start_at="23:00", catch_up_hours=1)
    with night.scheduler():
        wait_for(lambda: "scheduler-started" in night.events(), "the scheduler to be up")
        (night.project / LOCAL_FILE).write_text("[shedule]\n")
        wait_for(lambda: "settings" in night.events(), "the wrong settings to be told")
        check = night.run("check")
        assert (check.returncode, check.stdout) == (2, "")
        assert check.stderr.startswith("error: unknown setting shedule ")
        assert night.runs() == []
        # A minute ago it may have been another hour.
        due = now + timedelta(hours=12 - now.hour, minutes=-1)
        write_settings(night, **noon, start_at=f"{due:%H:%M:%S}", stop_after=30)
        wait_for(lambda: night.nightly_states() == ["done"], "the run at the new time")
        status = night.run("status").stdout
        assert f"{due:%H:%M}" in status.splitlines()[-1]
    assert [code for code in night.events() if code.startswith("settings")] == [
        "settings",
        "settings-changed",
    ]
    assert night.result_rows() == 3
    assert_truth(load_settings())


@LINUX
def test_row_60_a_night_under_wrong_settings_is_run_by_the_old_ones(night: Desk) -> None:
    """Server and client are given the settings that the scheduler had."""
    write_batch(night.project / "image_batches" / "G1", 3)
    write_settings(night, settle_seconds=0)
    launcher = ProcessLauncher(load_settings())
    (night.project / LOCAL_FILE).write_text("[schedule\n")
    server = launcher.start_server(lambda: False)
    try:
        client = launcher.start_client(server, ClientJob(date(2026, 5, 5), window_seconds=600))
        assert client.wait(DEADLINE) == 0, client.log_tail()
        client.close_pipe()
    finally:
        server.stop()
    assert night.nightly_states() == ["done"]
    assert night.result_rows() == 3
