from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from scheduler.launcher import Cancelled, ClientJob, ServerHandle
from scheduler.session import Session
from scoring.processes.child import TERMINATE_SECONDS
from scoring.protocol.errors import NoServer
from scoring.settings import Settings
from tests.scheduler.virtual_night import PlayedServer, VirtualClock

SIGKILL = -9


class DeafClient:
    """Heeds no word and no signal: it takes its whole grace, and is killed."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.ended_at: float | None = None
        self.was_told = False

    def exit_code(self) -> int | None:
        return None if self.ended_at is None else SIGKILL

    def wait(self, seconds: float) -> int | None:
        self._clock.sleep(seconds)
        return self.exit_code()

    def say_window_is_over(self) -> None:
        self.was_told = True

    def stop(self, grace_seconds: float) -> int:
        self._clock.sleep(grace_seconds + TERMINATE_SECONDS)
        self.ended_at = self._clock.monotonic()
        return SIGKILL

    def log_tail(self) -> str:
        return ""


class Launches:
    def __init__(self, client: DeafClient, failures: int = 0) -> None:
        self._client = client
        self._failures = failures
        self.calls: list[str] = []

    def start_server(self, cancelled: Cancelled) -> PlayedServer:
        self.calls.append("server")
        if self._failures:
            self._failures -= 1
            raise NoServer("it ended")
        return PlayedServer()

    def load_client(self, job: ClientJob) -> None:
        self.calls.append("load")

    def drop_client(self) -> None:
        self.calls.append("drop")

    def start_client(self, server: ServerHandle, job: ClientJob) -> DeafClient:
        return self._client

    def start_sender(self) -> None:
        """Nobody is told."""


@pytest.mark.parametrize("stopped_after", [None, 100.0, 601.0])
def test_a_client_that_is_deaf_is_killed_within_its_grace(
    settings: Settings, stopped_after: float | None
) -> None:
    """When its window is over, when the scheduler is stopped, and when the one meets the other."""
    clock = VirtualClock(datetime(2026, 11, 25, 18, tzinfo=UTC))
    client = DeafClient(clock)

    def stopping() -> bool:
        return stopped_after is not None and clock.monotonic() >= stopped_after

    session = Session(settings, clock, Launches(client), stopping, lambda *_: None)
    session.require_server()
    end = session.score(ClientJob(date(2026, 11, 25), window_seconds=600.0))
    asked_at = min(600.0, stopped_after or 600.0)
    assert client.ended_at is not None
    # One look is how late the scheduler may notice.
    assert client.ended_at - asked_at <= settings.client.stop_seconds + 0.1
    assert (end.window_over, client.was_told) == (asked_at == 600.0,) * 2


@pytest.mark.parametrize(
    ("failures", "calls"),
    [(0, ["load", "server"]), (1, ["load", "server", "server"])],
)
def test_a_client_that_is_to_score_at_once_loads_beside_the_server(
    settings: Settings, failures: int, calls: list[str]
) -> None:
    clock = VirtualClock(datetime(2026, 11, 25, 18, tzinfo=UTC))
    launches = Launches(DeafClient(clock), failures)
    session = Session(settings, clock, launches, lambda: False, lambda *_: None)
    session.require_server(job=ClientJob(None))
    assert launches.calls == calls
    session.require_server(job=ClientJob(None))
    assert launches.calls == calls, "the server is up: nothing would be gained"


def test_a_client_whose_server_does_not_come_up_is_dropped(settings: Settings) -> None:
    clock = VirtualClock(datetime(2026, 11, 25, 18, tzinfo=UTC))
    launches = Launches(DeafClient(clock), failures=2)
    session = Session(settings, clock, launches, lambda: False, lambda *_: None)
    with pytest.raises(NoServer):
        session.require_server(job=ClientJob(None))
    assert launches.calls == ["load", "server", "server", "drop"]
