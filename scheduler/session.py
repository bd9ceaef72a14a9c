"""A server and a client that belong together: start, watch, stop, in that order."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from scheduler.clock import Clock
from scheduler.launcher import ClientHandle, ClientJob, Launcher, ServerHandle
from scoring.processes.child import TERMINATE_SECONDS
from scoring.protocol.errors import NoServer
from scoring.records.events_log import Level
from scoring.settings import Settings

# How soon a server's death or a request to stop is noticed; a client's end is at once.
WATCH_SECONDS = 0.05
# A server that does not come up is tried once more before the night is given up.
SERVER_STARTS = 2

Tell = Callable[[Level, str, str], None]


class ClientEnd(Struct, frozen=True):
    """How a client ended; ``window_over``: it was told to, because its time was."""

    exit_code: int
    window_over: bool
    log_tail: str

    def __str__(self) -> str:
        return f"the client ended with exit code {self.exit_code}: {self.log_tail or 'no message'}"


class Session:
    """Keeps at most one server and one client, and leaves neither behind."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        launcher: Launcher,
        stopping: Callable[[], bool],
        tell: Tell,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._launcher = launcher
        self._stopping = stopping
        self._tell = tell
        self._server: ServerHandle | None = None
        self._client: ClientHandle | None = None

    def has_server(self) -> bool:
        """Tell whether the server is there; its death becomes an event."""
        failure = self._server.failure() if self._server else None
        if self._server and failure:
            self._tell("ERROR", "server-died", failure)
            self._server.stop()  # its pipe is still open
            self._server = None
        return self._server is not None

    def require_server(self, starts: int = SERVER_STARTS, job: ClientJob | None = None) -> None:
        """Have a server that is ready, starting it if need be; raises NoServer.

        A client that is to ``score`` this ``job`` at once loads beside it.
        """
        if self.has_server():
            return
        if job:
            self._launcher.load_client(job)
        try:
            self._start_server(starts)
        except BaseException:
            self._launcher.drop_client()
            raise

    def _start_server(self, starts: int) -> None:
        for left in reversed(range(starts)):
            try:
                self._server = self._launcher.start_server(self._stopping)
            except NoServer as error:
                if self._stopping() or not left:
                    raise
                self._tell("WARNING", "server-start-failed", f"{error}; trying once more")
            else:
                self._tell("INFO", "server-ready", f"ready at {self._server.url}")
                return

    def score(self, job: ClientJob) -> ClientEnd:
        """Run a client to its end; its server is restarted once if it dies meanwhile."""
        assert self._server is not None, "call require_server first"
        self._client = client = self._launcher.start_client(self._server, job)
        try:
            window_over = self._watch(client, job.window_seconds)
            code = self._stop_client(client, window_over)
        finally:
            self._client = None
        return ClientEnd(code, window_over, client.log_tail())

    def stop_server(self) -> None:
        """End the server, or leave it alone where it is not ours."""
        server, self._server = self._server, None
        if server and server.is_ours:
            server.stop()
            self._tell("INFO", "server-stopped", f"stopped, was at {server.url}")

    def shut_down(self) -> None:
        """Stop the client, then the server; whatever goes wrong with the one."""
        client, self._client = self._client, None
        try:
            if client:
                self._stop_client(client, window_over=False)
        finally:
            self.stop_server()

    def _watch(self, client: ClientHandle, window_seconds: float | None) -> bool:
        """Return when the client has ended, must end, or has had its time (True)."""
        revived = False
        deadline = None if window_seconds is None else self._clock.monotonic() + window_seconds
        while client.exit_code() is None and not self._stopping():
            if deadline is not None and self._clock.monotonic() >= deadline:
                return True
            if not revived and not self.has_server():
                revived = True
                self._revive_server()
            client.wait(WATCH_SECONDS)
        return False

    def _revive_server(self) -> None:
        try:
            self.require_server(starts=1)
        except NoServer as error:
            if not self._stopping():
                self._tell("ERROR", "server-start-failed", str(error))

    def _stop_client(self, client: ClientHandle, window_over: bool) -> int:
        """End it within ``client.stop_seconds`` in all, however it is asked; return its code.

        A window that is over is told first: the client closes its run as partial, which takes one
        chunk and Results.csv.
        """
        grace = max(0.0, self._settings.client.stop_seconds - TERMINATE_SECONDS)
        deadline = self._clock.monotonic() + grace
        if window_over:
            client.say_window_is_over()
            while self._is_waited_for(client, deadline):
                client.wait(WATCH_SECONDS)
        return client.stop(max(0.0, deadline - self._clock.monotonic()))

    def _is_waited_for(self, client: ClientHandle, deadline: float) -> bool:
        in_time = self._clock.monotonic() < deadline
        return client.exit_code() is None and in_time and not self._stopping()
