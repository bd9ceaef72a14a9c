"""Server and client of the simulation: the real programs, but for the process around them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ClassVar, TypeVar

import requests
from werkzeug.test import Client

from client.command import Command
from client.command_line import parse_arguments
from client.retry_policy import RunWindow
from client.stop_signal import StopSignal
from scheduler.clock import Clock
from scoring.protocol.identity import SessionSecret
from scoring.records.events_log import EventsLog
from scoring.settings import Settings
from server.app import create_app
from server.drain import Drain
from server.models import ModelTable
from tests.simulation.flask_transport import Reply, ask

T = TypeVar("T")

KILLED = -9
# The scheduler's clock moves in steps of this size while it waits for a client.
STEP_SECONDS = 0.05


class Killed(BaseException):
    """SIGKILL, as far as an exception can be one: nobody catches it."""


class AtOnce(Executor):
    """Stands in for the client's thread that posts: only one of its threads may pause."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # a kill is none: it ends the client here
            future.set_exception(error)
        return future


class SimulatedServer:
    """The Flask application behind a handle of the launcher."""

    is_ours = True
    url: ClassVar[str] = "http://127.0.0.1:5000"

    def __init__(
        self,
        settings: Settings,
        models: ModelTable,
        secret: SessionSecret | None,
        ended: Callable[[], None],
    ) -> None:
        self.secret = secret
        self.death: str | None = None
        self._drain = Drain()
        app = create_app(settings, models=models, drain=self._drain, secret=secret, loopback=True)
        self._client = Client(app)
        self._ended = ended

    def failure(self) -> str | None:
        return self.death

    def stop(self) -> None:
        self._drain.close()
        self._ended()

    def answer(self, request: requests.PreparedRequest) -> Reply:
        if self.death:
            raise requests.ConnectionError("connection refused")
        return ask(self._client, request)


class VirtualWindow(RunWindow, frozen=True):
    """The run window on the simulation's clock."""

    clock: Clock | None = None

    def left(self) -> float | None:
        assert self.clock
        if self.seconds is None:
            return None
        return max(0.0, self.seconds - (self.clock.monotonic() - self.started))


class SimulatedClient(StopSignal):
    """The real client on a thread that works only while the scheduler sleeps.

    Exactly one of the two threads runs at any time: ``pause`` hands over to the scheduler,
    ``advance`` back to the client once its pause is over.
    """

    def __init__(self, clock: Clock, window_seconds: float | None) -> None:
        super().__init__(VirtualWindow(window_seconds, clock.monotonic(), clock))
        self.crash: BaseException | None = None
        self._clock = clock
        self._code: int | None = None
        self._killed = False
        self._wakes_at = 0.0
        self._client_turn = threading.Semaphore(0)
        self._scheduler_turn = threading.Semaphore(0)

    def start(
        self,
        settings: Settings,
        arguments: list[str],
        secret: SessionSecret | None,
        http: requests.Session,
    ) -> None:
        """Run the command line until it first has to wait."""
        events = EventsLog.from_settings(settings, echo=True)
        command = Command(settings, parse_arguments(arguments), self, events, secret, http)
        threading.Thread(target=self._run, args=(command,), daemon=True).start()
        self._scheduler_turn.acquire()

    # The client's side

    def sleep(self, seconds: float) -> None:
        if not self.requested:
            self.pause(seconds)

    def pause(self, seconds: float) -> None:
        """Let the scheduler go on until this much time has passed, or somebody stops us."""
        self._wakes_at = self._clock.monotonic() + seconds
        self._scheduler_turn.release()
        self._client_turn.acquire()
        if self._killed:
            raise Killed

    def _run(self, command: Command) -> None:
        try:
            self._code = command.run()
        except Killed:
            self._code = KILLED
        except BaseException as error:
            # A traceback and exit code 1, which the test takes for what it is: a bug.
            self.crash = error
            self._code = 1
        finally:
            self._scheduler_turn.release()

    # The scheduler's side

    def wait(self, seconds: float) -> int | None:
        """Let a step of the clock pass: it looks for the client's end as often as it did."""
        self._clock.sleep(seconds)
        return self.exit_code()

    def advance(self) -> None:
        """Give the client its turn if its pause is over."""
        if self._code is None and self._clock.monotonic() >= self._wakes_at:
            self._client_turn.release()
            self._scheduler_turn.acquire()

    def kill(self) -> None:
        self._killed = True
        self._wakes_at = 0.0
        self.advance()

    def request(self, *, window_closed: bool = False) -> None:
        super().request(window_closed=window_closed)
        self._wakes_at = 0.0

    def exit_code(self) -> int | None:
        return self._code

    def say_window_is_over(self) -> None:
        self.request(window_closed=True)

    def stop(self, grace_seconds: float) -> int:
        if self._code is None:
            self.request()
        deadline = self._clock.monotonic() + grace_seconds
        while self._code is None and self._clock.monotonic() < deadline:
            self._clock.sleep(STEP_SECONDS)
        if self._code is None:
            self.kill()
        assert self._code is not None
        return self._code

    def log_tail(self) -> str:
        return "killed" if self._code == KILLED else f"exit code {self._code}"
