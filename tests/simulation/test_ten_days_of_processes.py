"""Ten days with real processes; the scheduler's clock says ten dates one after the other."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil
import pytest

from scheduler.clock import SystemClock
from scheduler.launcher import Cancelled, ClientJob, OwnServer, ProcessLauncher, ServerHandle
from scheduler.nightly import Nightly
from scoring.processes.child import Child
from scoring.processes.port_owner import free_port
from scoring.records.due_days import Policy, due_day
from scoring.records.ledger import Ledger
from scoring.settings import Settings, load_settings
from tests.conftest import write_batch
from tests.deadlines import wait_for
from tests.faults.oracle import assert_truth, read_events

ZONE = ZoneInfo("Europe/Berlin")
# The night between the second and the third day is an hour short.
FIRST_DAY = date(2027, 3, 26)
DAYS = 10
SECOND = timedelta(seconds=1)
OFF_ON_DAY, CLIENT_DIES_ON_DAY, SERVER_DIES_ON_DAY = 3, 5, 7


class ShiftedClock(SystemClock):
    """The machine's clock with another date."""

    def __init__(self) -> None:
        super().__init__(ZONE, threading.Event())
        self._shift = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self._shift

    def set(self, moment: datetime) -> None:
        self._shift += moment - self.now()


class WatchedLauncher(ProcessLauncher):
    """The real launcher; calls back with each process that it has started."""

    on_client: Callable[[psutil.Process], None] = staticmethod(lambda client: None)
    server: psutil.Process

    def start_server(self, cancelled: Cancelled) -> ServerHandle:
        handle = super().start_server(cancelled)
        assert isinstance(handle, OwnServer)
        children = psutil.Process().children()
        self.server = next(child for child in children if "server" in child.cmdline())
        return handle

    def start_client(self, server: ServerHandle, job: ClientJob) -> Child:
        client = super().start_client(server, job)
        self.on_client(psutil.Process(client.pid))
        return client


@pytest.fixture
def short_nights(project: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings of nights that are over soon, and have time for it on any machine."""
    for name, value in (
        ("SERVER__PORT", free_port("127.0.0.1")),
        *(("SCHEDULE__ZONE", ZONE.key), ("SCHEDULE__START_AT", "02:30")),
        *(("SCHEDULE__CLIENT_AFTER", 0.01), ("SCHEDULE__STOP_AFTER", 10.0)),
        *(("SCHEDULE__SETTLE_SECONDS", 0), ("CLIENT__RETRY_SECONDS", 0.2)),
        ("CLIENT__TRIES", 30),
    ):
        monkeypatch.setenv(f"SCORING_{name}", str(value))
    return load_settings()


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_ten_days_of_real_processes(short_nights: Settings) -> None:
    before = psutil.Process().children()  # what libraries of other tests keep up
    clock = ShiftedClock()
    clock.set(due_day(FIRST_DAY, Policy.from_settings(short_nights)).server_at - SECOND)
    launcher = WatchedLauncher(short_nights)
    nightly = Nightly(short_nights, clock, launcher)
    nightly.reconcile()
    at_rest = 0
    for number in range(DAYS):
        write_batch(short_nights.batches_folder / f"day-{number}", 6, seed=number)
        if number == OFF_ON_DAY:
            continue
        prepare(launcher, number)
        live_one_night(nightly, clock, FIRST_DAY + timedelta(days=number), short_nights)
        assert_truth(short_nights)
        at_rest = at_rest or count_handles()
        assert_at_rest(at_rest)
    nightly.shut_down()
    assert set(psutil.Process().children()) <= set(before)
    assert states(short_nights) == ["missed" if n == OFF_ON_DAY else "done" for n in range(DAYS)]
    assert "client-died" in read_events(short_nights)
    assert "server-died" in read_events(short_nights)


def prepare(launcher: WatchedLauncher, number: int) -> None:
    """Let a process be killed on some nights."""
    launcher.on_client = {
        CLIENT_DIES_ON_DAY: kill_once(lambda client: client),
        SERVER_DIES_ON_DAY: kill_once(lambda _: launcher.server),
    }.get(number, lambda client: None)


def kill_once(whom: Callable[[psutil.Process], psutil.Process]) -> Callable[[psutil.Process], None]:
    killed: list[psutil.Process] = []

    def kill(client: psutil.Process) -> None:
        if not killed:
            killed.append(whom(client))
            killed[0].kill()

    return kill


def live_one_night(nightly: Nightly, clock: ShiftedClock, day: date, settings: Settings) -> None:
    """Look at the four moments that matter, as the scheduler's jobs do."""
    times = due_day(day, Policy.from_settings(settings))
    assert times.stop_at
    for moment in (times.server_at, times.client_at, times.stop_at, times.stop_at + 60 * SECOND):
        clock.set(moment)
        nightly.reconcile()


def states(settings: Settings) -> list[str]:
    with Ledger(settings.ledger_file, 5.0) as ledger:
        runs = ledger.nightly_runs(FIRST_DAY)
    return [runs[day].state for day in sorted(runs)]


def assert_at_rest(handles: int) -> None:
    """Hold that no more is open: what a child left is closed a moment later, what is lost never."""
    wait_for(lambda: count_handles() <= handles, "as few handles as after the first night")


def count_handles() -> int:
    process = psutil.Process()
    return int(getattr(process, "num_handles" if os.name == "nt" else "num_fds")())
