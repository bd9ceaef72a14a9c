"""A server of our own: start it, wait until it is ready, stop it."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from scoring.processes.child import Child, start_child
from scoring.processes.parent_pipe import FirstLine
from scoring.processes.port_owner import describe_owner, free_port, port_is_taken
from scoring.processes.readiness import Peer, read_readiness
from scoring.processes.waiting import wait_until
from scoring.protocol.errors import NoServer
from scoring.protocol.identity import SessionSecret
from scoring.settings import Settings

POLL_SECONDS = 0.03
# A poll must not outlast the notice that the child has died.
POLL_TIMEOUT_SECONDS = 0.5


class ManagedServer:
    """The prediction API as a child process.

    Readiness must be proved with this session's secret, so nothing is ever scored through a
    stranger that answers on the port. Use it as a context manager: leaving it stops the server.
    """

    def __init__(
        self, settings: Settings, *, port: int | None = None, secret: SessionSecret | None = None
    ) -> None:
        """Prepare it; ``port`` 0 takes a free one, None the one in settings.

        Raises NoServer where ``server.host`` is none of this machine's.
        """
        wanted = settings.server.port if port is None else port
        self.port = wanted or _free_port(settings.server.host)
        self.secret = secret or SessionSecret.new()
        self._settings = settings
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Where it answers, from this machine."""
        server = self._settings.server.replaced(port=self.port)
        return self._settings.replaced(server=server).own_server_url

    @property
    def pid(self) -> int | None:
        """Its process, None before it was started."""
        return self._child.pid if self._child else None

    def start(self, arguments: list[str] | None = None) -> None:
        """Start the process; raises NoServer and names the owner where the port is taken."""
        self._require_free_port()
        self._child = start_child(
            self._settings,
            "server",
            "server",
            ["--port", str(self.port), *(arguments or [])],
            FirstLine(self.secret, None),
        )

    def wait_until_ready(
        self, seconds: float | None = None, cancelled: Callable[[], bool] = lambda: False
    ) -> Peer:
        """Return its first good readiness answer.

        Raises NoServer when it dies (with the tail of its log), when it is not ready in time
        (default: ``server.ready_seconds``; it is stopped then), or when ``cancelled``.
        """
        limit = self._settings.server.ready_seconds if seconds is None else seconds
        deadline = time.monotonic() + limit
        stranger = False
        while not cancelled():
            self._require_alive()
            answer = self._look()
            if answer and answer.ready:
                return answer
            stranger = answer is not None and answer.foreign
            if not wait_until(deadline, POLL_SECONDS):
                raise self._never_ready(limit, stranger)
        self.stop()
        raise NoServer("stopped while the server was starting")

    def exit_code(self) -> int | None:
        """Return how it ended, None while it runs or before it was started."""
        return self._child.exit_code() if self._child else None

    def is_running(self) -> bool:
        """Tell whether its process is there, ready or not."""
        return self._child is not None and self._child.exit_code() is None

    def log_tail(self) -> str:
        """Return the last lines of its log of this session."""
        return self._child.log_tail() if self._child else ""

    def stop(self, grace_seconds: float | None = None) -> None:
        """Let it finish what is in flight, then end it; harmless when it is not running."""
        if self._child:
            grace = self._settings.server.stop_seconds if grace_seconds is None else grace_seconds
            self._child.stop(grace)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _require_free_port(self) -> None:
        """Wait for a server that is just stopping (its parent died); name any other owner."""
        deadline = time.monotonic() + self._settings.server.stop_seconds
        host = self._settings.server.host
        while port_is_taken(host, self.port):
            answer = read_readiness(self.url, POLL_TIMEOUT_SECONDS)
            stopping = answer is None or not (answer.ready or answer.foreign)
            if not stopping or not wait_until(deadline, POLL_SECONDS):
                raise NoServer(self._taken())

    def _look(self) -> Peer | None:
        return read_readiness(self.url, POLL_TIMEOUT_SECONDS, self.secret)

    def _require_alive(self) -> None:
        code = self.exit_code()
        if self._child is None:
            raise NoServer("the server was not started")
        if code is not None:
            why = self.log_tail() or "it left no message in its log"
            raise NoServer(f"the server ended with exit code {code} before it was ready: {why}")

    def _never_ready(self, seconds: float, stranger: bool) -> NoServer:
        tail = self.log_tail() or "its log is empty"
        self.stop()
        if stranger:
            return NoServer(self._taken())
        return NoServer(f"the server was not ready after {seconds:g} s and was stopped: {tail}")

    def _taken(self) -> str:
        return (
            f"port {self.port} is taken by {describe_owner(self.port)}; "
            "stop that or set another server.port"
        )


def _free_port(host: str) -> int:
    try:
        return free_port(host)
    except OSError as error:
        why = f"server.host {host}: {error.strerror or error}"
        raise NoServer(f"{why}; give a name or address of this machine") from error
