"""Rows 8 to 16, 43 and 44: the scheduler, its calendar and its neighbours."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import psutil
import pytest

from client import request
from client.retry_policy import RunWindow
from client.stop_signal import StopSignal
from scheduler.once import ONCE
from scoring.processes.locks import once_lock, run_lock
from scoring.protocol.errors import Busy, ExitCode
from scoring.settings import CODE_ROOT, Settings, load_settings
from tests.client.dripping_server import dripping_server
from tests.client.lying_server import Answer, answering, is_predict, relay
from tests.conftest import running_server, write_batch
from tests.deadlines import wait_for
from tests.end_to_end.scheduler_process import HANGS_SECONDS, Desk
from tests.faults.desk import LINUX, LONG_AGO, Project
from tests.faults.oracle import assert_due_days, assert_truth, read_whole_results
from tests.faults.test_server import CLIENT, is_under_way
from tests.receivers import Inbox, http_receiver, nobody
from tests.scheduler.virtual_night import Theatre, VirtualClock

HOUR = timedelta(hours=1)
# Seconds that a scheduler is given to be up before its due time, try by try.
STARTS_WITHIN = (8, 30, 90)
# From the start of a client to its first answer takes a second, on a machine that is idle.
WINDOW_SECONDS = 20
AFTERNOON = datetime(2026, 5, 5, 17, 45, tzinfo=UTC)


def theatre_at(moment: datetime, **schedule: object) -> Theatre:
    """Return the real scheduler logic under a clock of the test's own, at its first start."""
    theatre = Theatre(load_settings(schedule={"zone": "UTC", **schedule}), VirtualClock(moment))
    theatre.nightly.reconcile()
    return theatre


def turn_off_until(theatre: Theatre, moment: datetime) -> None:
    """Let the machine be off, then start the scheduler anew."""
    theatre.clock.set_wall(moment)
    theatre.boot()
    theatre.nightly.reconcile()


@LINUX
def test_row_08_scheduler_killed_during_the_window(night: Desk) -> None:
    write_batch(night.project / "image_batches" / "G1", 2_000)
    night.set("CLIENT__CHUNK_ROWS", 5)
    night.make_a_run_due()
    with night.scheduler() as first:
        wait_for(lambda: is_under_way(night), "the first predictions")
        first.send_signal(signal.SIGKILL)
        first.wait()
        night.assert_nothing_left()
    assert night.nightly_states() == ["running"], "the ledger shows that it was interrupted"
    with night.scheduler():
        wait_for(lambda: night.nightly_states() == ["done"], "the run to be done")
    assert len(night.runs()) == 1
    assert "run-found" in night.events()
    assert "run-resumed" in night.events()
    assert night.result_rows() == 2_000
    assert_truth(load_settings())


@LINUX
def test_row_09_scheduler_killed_between_windows(night: Desk) -> None:
    write_batch(night.project / "image_batches" / "G1", 3)
    with night.scheduler() as first:
        wait_for(lambda: "scheduler-started" in night.events(), "the scheduler to be up")
        first.send_signal(signal.SIGKILL)
        first.wait()
        night.assert_nothing_left()
    night.make_a_run_due()
    with night.scheduler():
        wait_for(lambda: night.nightly_states() == ["done"], "the run to be done")
    assert night.result_rows() == 3
    assert_truth(load_settings())


@pytest.mark.parametrize(
    ("on_again", "state"),
    [(AFTERNOON.replace(hour=18, minute=40), "done"), (AFTERNOON + 21 * HOUR, "missed")],
)
def test_row_10_machine_off_at_the_time(settings: Settings, on_again: datetime, state: str) -> None:
    theatre = theatre_at(AFTERNOON)
    turn_off_until(theatre, on_again)
    theatre.run_until(on_again + timedelta(minutes=5))
    assert theatre.states() == {"2026-05-05": state}
    assert len(theatre.clients) == (state == "done")
    assert len(theatre.events("run-late" if state == "done" else "run-missed")) == 1
    assert_due_days(theatre.settings)


@LINUX
def test_row_11_host_asleep_across_the_time(night: Desk) -> None:
    """The scheduler is stopped across its due time, as a host that sleeps stops it."""
    write_batch(night.project / "image_batches" / "G1", 3)
    for name, value in (("ZONE", "UTC"), ("CLIENT_AFTER", 0), ("SETTLE_SECONDS", 0)):
        night.set(f"SCHEDULE__{name}", value)
    with stopped_before_it_is_due(night) as (scheduler, due):
        wait_for(lambda: datetime.now(UTC) > due + timedelta(seconds=1), "the time to pass")
        assert night.runs() == []
        scheduler.send_signal(signal.SIGCONT)
        wait_for(lambda: night.nightly_states() == ["done"], "the run to be done")
    assert len(night.runs()) == 1
    assert_truth(load_settings())


def put_to_sleep(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGSTOP)
    state = psutil.Process(process.pid).status
    wait_for(lambda: state() == psutil.STATUS_STOPPED, "its sleep")


@contextmanager
def stopped_before_it_is_due(
    night: Desk,
) -> Iterator[tuple[subprocess.Popen[bytes], datetime]]:
    """Yield a scheduler that is stopped, and its due time, which is still to come.

    Where the machine was too busy for the one, another is given more time.
    """
    for seconds in STARTS_WITHIN:
        due = (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)
        night.set("SCHEDULE__START_AT", f"{due:%H:%M:%S}")
        with night.ledger() as ledger:
            # It may be stopped before it writes this down.
            ledger.set_fact("first_start", datetime.now(UTC).isoformat())
        with night.scheduler() as scheduler:
            wait_for(lambda: "scheduler-started" in night.events(), "the scheduler to be up")
            put_to_sleep(scheduler)
            if datetime.now(UTC) < due:
                yield scheduler, due
                return
        night.forget_everything()
    raise AssertionError(f"no scheduler was up within {STARTS_WITHIN[-1]} s")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("start_at", ["02:30", "01:45", "18:00"])
def test_row_12_daylight_saving_changes(settings: Settings, zone: str, start_at: str) -> None:
    """Over both changes of the year; tests/scheduler goes through every day of two years."""
    for change in changes_of(ZoneInfo(zone), 2026):
        begin = datetime(change.year, change.month, change.day, 12, tzinfo=ZoneInfo(zone))
        theatre = theatre_at(begin - 48 * HOUR, zone=zone, start_at=start_at)
        theatre.run_until(begin + 48 * HOUR, reconcile_every=HOUR)
        days = [date.fromisoformat(day) for day in theatre.states()]
        assert days == [days[0] + timedelta(days=n) for n in range(4)]
        assert set(theatre.states().values()) == {"done"}
        assert len(theatre.clients) == 4
        assert_due_days(theatre.settings)
        # With the mark beside it that says there was one: the next change is another project.
        shutil.rmtree(theatre.settings.ledger_file.parent)


def changes_of(zone: ZoneInfo, year: int) -> Iterator[date]:
    """Yield the days of a year that are not 24 hours long."""
    day = datetime(year, 1, 2, tzinfo=zone)
    while day.year == year:
        following = day + timedelta(days=1)
        if following.utcoffset() != day.utcoffset():
            yield day.date()
        day = following


@pytest.mark.parametrize("hours", [24, -24])
def test_row_13_clock_jumps_a_day(settings: Settings, hours: int) -> None:
    theatre = theatre_at(AFTERNOON)
    theatre.run_until(AFTERNOON + HOUR)
    assert theatre.states() == {"2026-05-05": "done"}
    theatre.clock.set_wall(theatre.clock.now() + hours * HOUR)
    theatre.run_until(theatre.clock.now() + HOUR)
    theatre.clock.set_wall(AFTERNOON + 3 * HOUR)
    theatre.run_until(AFTERNOON + 26 * HOUR)
    expected = {"2026-05-05": "done", "2026-05-06": "done"}
    assert theatre.states() == expected
    assert [client.job.due_date for client in theatre.clients] == [
        date(2026, 5, 5),
        date(2026, 5, 6),
    ]
    assert_due_days(theatre.settings)


Wall = Callable[[Callable[[], float]], None]


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    """Return a function that puts another clock on the wall of this process."""

    def hang(clock: Callable[[], float]) -> None:
        monkeypatch.setattr(time, "time", clock)
        monkeypatch.setattr(
            Settings, "now", lambda settings: datetime.fromtimestamp(clock(), settings.zone)
        )

    return hang


def test_row_13_waits_end_while_the_clock_stands_still(
    faulty: Project, wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a lock, for an answer, for a server to be ready, and for the end of a window."""
    monkeypatch.setenv("SCORING_CLIENT__READ_SECONDS", "0.3")
    # No server is ready as soon as that.
    monkeypatch.setenv("SCORING_SERVER__READY_SECONDS", "0.01")
    monkeypatch.setenv("SCORING_SERVER__PORT", "0")
    faulty.write("G1", 3)
    wall(lambda: AFTERNOON.timestamp())
    with run_lock(faulty.settings, "first"), pytest.raises(Busy):
        with run_lock(faulty.settings, "second", wait=0.2):
            raise AssertionError("two held it")
    with dripping_server("a body") as url:
        assert faulty.score("G1", "--server", url) == ExitCode.NO_SERVER
    assert faulty.score("G1", "--start-server") == ExitCode.NO_SERVER
    assert "was not ready after 0.01 s" in faulty.events()
    window = StopSignal(RunWindow(0.2))
    wait_for(lambda: window.window_over, "the end of the window")


def test_row_13_waits_last_while_the_clock_jumps(
    faulty: Project, wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look at it is a day later: nothing is over before its time."""
    monkeypatch.setenv("SCORING_SERVER__PORT", "0")
    days = itertools.count()
    wall(lambda: AFTERNOON.timestamp() + 86_400 * next(days))
    looks: list[bool] = []
    with run_lock(faulty.settings, "first"), pytest.raises(Busy):
        # Waited for until somebody asks for an end, however many days pass meanwhile.
        with run_lock(faulty.settings, "second", 3600, lambda: at_last(looks)):
            raise AssertionError("two held it")
    assert len(looks) > 5
    window = StopSignal(RunWindow(3600))
    faulty.write("G1", 3)
    assert faulty.score("G1", "--start-server") == ExitCode.DONE
    assert not window.window_over
    assert next(days) > 10


def at_last(looks: list[bool]) -> bool:
    looks.append(True)
    return len(looks) > 5


@LINUX
def test_row_14_two_schedulers(night: Desk) -> None:
    with night.scheduler() as first:
        wait_for(lambda: "scheduler-started" in night.events(), "the scheduler to be up")
        second = night.run()
        assert second.returncode == ExitCode.BUSY
        assert f"python -m scheduler (process {first.pid}" in second.stderr
        assert first.poll() is None


@LINUX
def test_row_14_two_cycles_by_hand_that_begin_together(night: Desk) -> None:
    """The first has a server by then, and no client yet; the second must not call that a fault."""
    with once_lock(load_settings(), ONCE):
        second = night.run("--once")
    assert second.returncode == ExitCode.BUSY
    assert f"another run is in progress: {ONCE} (process {os.getpid()}" in second.stderr
    assert "no-server" not in night.events()


@LINUX
def test_row_15_manual_run_during_the_window(night: Desk) -> None:
    """The nightly client is stopped with the lock in its hands, so that the race is certain."""
    write_batch(night.project / "image_batches" / "G1", 3_000)
    night.set("CLIENT__CHUNK_ROWS", 5)
    night.make_a_run_due()
    command = [sys.executable, "-m", "client.request", "G1", "--server", load_settings().server_url]
    with night.scheduler():
        client = night.pid_of(CLIENT)
        wait_for(lambda: is_under_way(night), "the first predictions")
        os.kill(client, signal.SIGSTOP)
        refused = subprocess.run(
            command,
            cwd=CODE_ROOT,
            capture_output=True,
            text=True,
            timeout=HANGS_SECONDS,
            check=False,
        )
        assert refused.returncode == ExitCode.BUSY
        assert "another run is in progress: python -m client.request" in refused.stderr
        assert "(process" in refused.stderr
        with subprocess.Popen([*command, "--wait"], cwd=CODE_ROOT) as waiting:
            # Time to do what it may not; that it did not is seen below, however slow it was.
            with pytest.raises(subprocess.TimeoutExpired):
                waiting.wait(2)
            os.kill(client, signal.SIGCONT)
            assert waiting.wait(HANGS_SECONDS) == ExitCode.DONE
    nightly, by_hand = night.runs()
    assert (nightly.state, by_hand.state) == ("done", "done")
    assert nightly.finished_at
    assert nightly.finished_at <= by_hand.started_at
    assert night.events().count("busy") == 1
    assert_truth(load_settings())


@LINUX
def test_row_16_run_longer_than_the_window(night: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes its time is used, so that the window ends after some chunks."""
    folder = night.project / "image_batches" / "G1"
    for path in write_batch(folder, 200):
        os.utime(path, (LONG_AGO, LONG_AGO))
    night.set("SCHEDULE__START_SERVER", "false")
    night.set("CLIENT__CHUNK_ROWS", 5)
    night.make_a_run_due(window_minutes=WINDOW_SECONDS / 60)

    answered = 0
    begun: list[float] = []

    def slowly(path: str, _: bytes, __: int) -> Answer | None:
        nonlocal answered
        if is_predict(path):
            answered += 5
            begun.append(time.monotonic())
            # The second answer comes when the window is over, which began before all of them.
            while len(begun) > 1 and time.monotonic() < begun[0] + WINDOW_SECONDS + 1:
                time.sleep(0.05)
        return None

    with running_server(load_settings()) as real:
        with answering(relay(real, slowly)) as url:
            night.set("CLIENT__SERVER", url)
            with night.scheduler():
                wait_for(lambda: "partial" in night.nightly_states(), "the window to end")
        assert_truth(load_settings())
        rows = read_whole_results(night.project / "Results.csv")
        waiting = sum(row[6].startswith("not scored yet") for row in rows)
        assert 0 < waiting < 200
        assert 200 - waiting == answered, "the chunk in hand was finished, and no answer lost"
        tomorrow = datetime.now(UTC).date() + timedelta(days=1)
        assert request.main(["--nightly", f"{tomorrow}", "--server", real]) == ExitCode.DONE
    with night.ledger() as ledger:
        run = ledger.nightly_run(tomorrow)
        assert run
        assert ledger.run_summary(run.id).images == waiting
    assert all(row[3] for row in read_whole_results(night.project / "Results.csv"))
    assert_truth(load_settings())


def came(inbox: Inbox) -> list[tuple[str, str]]:
    """Return what came to an inbox: where, without the questions, and its text."""
    return [(path.split("?")[0], text) for path, text in inbox.came]


@pytest.mark.parametrize("kind", ["dead", "slow", "refusing", "garbage"])
def test_row_43_an_alert_channel_is_down(
    night: Desk, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A real night with real channels: one that is down, one that is not, and a heartbeat."""
    broken = Project(night.project).write("G1", 6) / "broken.png"
    broken.write_bytes(b"no image")
    os.utime(broken, (LONG_AGO, LONG_AGO))
    night.make_a_run_due()
    with http_receiver() as well, http_receiver() as down, nobody() as dead:
        answers: dict[str, int | str] = {"refusing": 503, "garbage": "garbage"}
        down.answer = answers.get(kind, 200)
        url = dead.webhook if kind == "dead" else down.webhook
        if kind == "slow":
            down.hold.clear()
        night.set("ALERTS__URLS", json.dumps({"chat": url, "mail": well.webhook}))
        night.set("ALERTS__SECONDS", 12 if kind == "slow" else 60)
        night.set("ALERTS__HEARTBEAT", well.heartbeat)
        with night.scheduler():
            wait_for(lambda: "done" in night.nightly_states(), "the run's end")
            codes = {"alert-unsure" if kind in ("slow", "garbage") else "alert-not-sent"}
            wait_for(lambda: codes <= set(night.events()), "the word that it is down")
            # On a busy machine a ping may be late, and comes once more; a message never does.
            ways = ["/ping/s3cret", "/hook/s3cret"]
            wait_for(lambda: set(ways) <= {way for way, _ in came(well)}, "the others to be told")
        # That it started is not said any more once it is known that it ended.
        begun = "/ping/s3cret/start"
        assert list(dict.fromkeys(way for way, _ in came(well))) in ([begun, *ways], ways)
        assert [way for way, _ in came(well)].count(ways[-1]) == 1
        success, message = (dict(came(well))[way] for way in ways)
        assert len(down.came) <= 1, "and it is not sent again"
    assert "1 of 7 images (14 %) could not be read" in message
    assert dict(came(well)).get(begun, "started").startswith("started")
    assert "done: 7 images, 1 failed" in success
    log = (night.project / "logs" / "Events-log.txt").read_text("utf-8")
    assert "s3cret" not in log + night.output.read_text("utf-8")
    assert night.result_rows() == 7
    assert_truth(load_settings())


def test_row_44_first_start_and_a_week_off(settings: Settings) -> None:
    theatre = theatre_at(AFTERNOON)
    assert theatre.states() == {}, "nothing was due before the first start"
    turn_off_until(theatre, AFTERNOON + timedelta(days=7) - HOUR / 2)
    theatre.run_until(theatre.clock.now() + timedelta(minutes=10))
    assert list(theatre.states().values()) == ["missed"] * 7
    assert len(theatre.events("run-missed")) == 1
    assert "7 nightly runs missed, 2026-05-05 to 2026-05-11" in theatre.events("run-missed")[0]
    theatre.run_until(AFTERNOON + timedelta(days=7) + HOUR)
    assert theatre.states()["2026-05-12"] == "done"
    assert_due_days(theatre.settings)


@pytest.mark.parametrize(
    ("found_at", "scored"),
    [
        (AFTERNOON + 24 * HOUR, ["2026-05-06"]),
        (AFTERNOON + 15 * HOUR, ["2026-05-05", "2026-05-06"]),
    ],
)
def test_row_42_the_scheduler_finds_the_ledger_corrupt(
    settings: Settings, found_at: datetime, scored: list[str]
) -> None:
    """Without a backup the last run is done again while it can be caught up; none is missed."""
    theatre = theatre_at(AFTERNOON)
    theatre.run_until(AFTERNOON + HOUR)
    assert theatre.states() == {"2026-05-05": "done"}
    theatre.settings.ledger_file.write_bytes(b"this is no database" * 500)
    theatre.clock.set_wall(found_at)
    theatre.run_until(AFTERNOON + 25 * HOUR)
    assert theatre.states() == dict.fromkeys(scored, "done")
    assert len(theatre.events("ledger-damaged")) == 1
    assert_due_days(theatre.settings)
