"""The seam for processes: what the scheduler starts, and the real way to start it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import date
from typing import Literal, Protocol

from msgspec import Struct

from scoring.batches.batch_models import named_models
from scoring.processes.child import Child, start_alone, start_child
from scoring.processes.managed_server import ManagedServer
from scoring.processes.parent_pipe import FirstLine
from scoring.processes.readiness import read_readiness
from scoring.processes.sound_models import sound_models
from scoring.processes.waiting import wait_until
from scoring.protocol.bundle_names import why_absent, with_models
from scoring.protocol.commands import command
from scoring.protocol.errors import NoServer
from scoring.protocol.identity import SessionSecret
from scoring.settings import Settings

CLIENT_MODULE = "client.request"
SENDER_MODULE = "scoring.monitoring.alerts"
# A server that is not ours is asked rarely: it is up already, or somebody is just starting it.
RUNNING_POLL_SECONDS = 1.0
# A server that does not answer its health check for that long is stuck, not busy.
LOOK_SECONDS = 60.0
SILENT_LOOKS = 3

Cancelled = Callable[[], bool]
# Which models a start has beside the server's own, and what the next one has if it fails.
Further = Literal["all", "sound", "none"]
AFTER: Mapping[Further, Further] = {"all": "sound", "sound": "none", "none": "none"}


class ClientJob(Struct, frozen=True):
    """What a client is started for.

    Attributes:
        due_date: of the nightly run; None: a run by hand, in the foreground.
        rescore: score again what has been scored.
        window_seconds: how long it may take; None: as long as it needs.
    """

    due_date: date | None
    rescore: bool = False
    window_seconds: float | None = None

    def arguments(self, server_url: str) -> list[str]:
        """Return the client's command line; several URLs have commas between."""
        nightly = ["--nightly", self.due_date.isoformat()] if self.due_date else ["--every-batch"]
        scope = ["--all"] if self.rescore else [] if self.due_date else ["--new"]
        return ["--server", server_url, *nightly, *scope]


class ServerHandle(Protocol):
    """A server that was ready when the launcher returned it."""

    @property
    def is_ours(self) -> bool:
        """Tell whether this session started it, and so must stop it."""

    @property
    def url(self) -> str:
        """Where it answers, from this machine."""

    @property
    def secret(self) -> SessionSecret | None:
        """What it proves its answers with; None for a server of somebody else."""

    def failure(self) -> str | None:
        """Return why it is gone, None while it is there."""

    def stop(self) -> None:
        """Let it finish what is in flight and end it."""


class ClientHandle(Protocol):
    """A client at work."""

    def exit_code(self) -> int | None:
        """Return the exit code, below 0 where a signal ended it; None while it runs."""

    def wait(self, seconds: float) -> int | None:
        """Return the exit code as soon as there is one, None when the time is over."""

    def say_window_is_over(self) -> None:
        """Ask it to close its run as partial after the chunk in hand."""

    def stop(self, grace_seconds: float) -> int:
        """End it, by force after the grace; return its exit code."""

    def log_tail(self) -> str:
        """Return its last lines, joined to one; empty where they went to the terminal."""


class Launcher(Protocol):
    """Starts the two programs."""

    def start_server(self, cancelled: Cancelled) -> ServerHandle:
        """Return a server that is ready; raises NoServer with the reason."""

    def load_client(self, job: ClientJob) -> None:
        """Have a client load while the server does; it does nothing before ``start_client``."""

    def drop_client(self) -> None:
        """End the client that was loaded, if there is one: no server came up for it."""

    def start_client(self, server: ServerHandle, job: ClientJob) -> ClientHandle:
        """Start a client that scores through this server and no other."""

    def start_sender(self) -> None:
        """Have what waits in the outbox sent by a process of its own; nobody waits for it."""


class OwnServer:
    """The server that this session started."""

    is_ours = True

    def __init__(self, server: ManagedServer) -> None:
        self._server = server
        self._next_look = time.monotonic() + LOOK_SECONDS
        self._silent_looks = 0

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def secret(self) -> SessionSecret:
        return self._server.secret

    def failure(self) -> str | None:
        """Return why it is gone; one that is stuck is ended first."""
        code = self._server.exit_code()
        if code is None:
            return self._end_if_silent()
        return f"the server ended with exit code {code}: {self._server.log_tail() or 'no message'}"

    def _end_if_silent(self) -> str | None:
        """Look now and then whether it still answers; one that is stuck helps nobody."""
        if time.monotonic() < self._next_look:
            return None
        answer = read_readiness(self.url, secret=self.secret)
        self._next_look = time.monotonic() + LOOK_SECONDS
        answers = answer is not None and not answer.foreign
        self._silent_looks = 0 if answers else self._silent_looks + 1
        if self._silent_looks < SILENT_LOOKS:
            return None
        self._server.stop(0.0)
        return f"the server was alive, gave no answer {SILENT_LOOKS} times, and was ended"

    def stop(self) -> None:
        self._server.stop()


class RunningServer:
    """A server that somebody else keeps up (``start_server = false``)."""

    is_ours = False
    secret = None

    def __init__(self, url: str) -> None:
        self.url = url

    def failure(self) -> str | None:
        return None  # the client's own tries find out

    def stop(self) -> None:
        """Leave it up."""


class ProcessLauncher:
    """Starts real processes; one secret a session, for every server and client of it."""

    def __init__(self, settings: Settings, port: int | None = None) -> None:
        """Prepare it; ``port`` 0 takes a free one, None the one in settings."""
        self._settings = settings
        self._port = port
        self._secret = SessionSecret.new()
        self._further: Further = "all"
        self._sound: list[str] = []
        self._trouble = ""
        self._absent: Mapping[str, str] = {}
        self._loaded: tuple[list[str], Child] | None = None
        self._sender: subprocess.Popen[bytes] | None = None

    def start_server(self, cancelled: Cancelled) -> ServerHandle:
        """Start one and wait ``server.ready_seconds``, or find the one that somebody keeps up.

        Raises NoServer with the reason: the port is taken, it ended, it was never ready.
        """
        if not self._settings.schedule.start_server:
            return find_running_server(self._settings, cancelled)
        settings = self._serving()
        server = self._managed(settings)
        server.start()
        try:
            server.wait_until_ready(cancelled=cancelled)
        except BaseException as error:
            server.stop()
            alone = settings == self._settings
            self._further = "all" if alone else AFTER[self._further]
            self._trouble = "" if alone else str(error)
            raise
        absent = [name for name in named_models(self._settings) if name not in self._sound]
        self._absent = why_absent(self._settings, absent, self._trouble)
        self._further, self._sound, self._trouble = "all", [], ""
        return OwnServer(server)

    def _managed(self, settings: Settings) -> ManagedServer:
        """Prepare a server; one that is restarted must be where the client looks for it."""
        server = ManagedServer(settings, port=self._port, secret=self._secret)
        self._port = server.port
        return server

    def _serving(self) -> Settings:
        """Return the settings with the models of single batches among those that are served.

        One of them may keep the server from coming up, and must not cost the other batches: after
        a start with them that came to nothing, the next one has those only that load, if it was
        one that does not.
        """
        names = named_models(self._settings)
        self._sound = sound_models(self._settings, names) if self._further == "sound" else []
        return with_models(self._settings, names if self._further == "all" else self._sound)

    def load_client(self, job: ClientJob) -> None:
        """Start one for the server that this session is about to start; else it gains nothing."""
        if self._settings.schedule.start_server:
            arguments = job.arguments(self._managed(self._settings).url)
            self._loaded = arguments, self._child(job, arguments)

    def drop_client(self) -> None:
        """End it: it has done nothing yet that would have to be finished."""
        if self._loaded:
            self._loaded[1].stop(0.0)
            self._loaded = None

    def start_client(self, server: ServerHandle, job: ClientJob) -> Child:
        """Start one with the session's secret; without a due date it has the terminal's output.

        Of several servers that somebody keeps up it gets all.
        """
        urls = server.url if server.is_ours else ",".join(self._settings.server_urls)
        first = FirstLine(server.secret, job.window_seconds, self._absent)
        arguments = job.arguments(urls)
        if self._loaded and self._loaded[0] == arguments:
            (_, client), self._loaded = self._loaded, None
            client.begin(first)
            return client
        self.drop_client()
        return self._child(job, arguments, first)

    def _child(self, job: ClientJob, arguments: list[str], first: FirstLine | None = None) -> Child:
        foreground = job.due_date is None
        return start_child(self._settings, "client", CLIENT_MODULE, arguments, first, foreground)

    def start_sender(self) -> None:
        """Start one unless it is at work; raises ScoringError where the system starts none."""
        if self._sender is None or self._sender.poll() is not None:
            self._sender = start_alone(self._settings, SENDER_MODULE, ["send"])


def find_running_server(settings: Settings, cancelled: Cancelled) -> RunningServer:
    """Return the server that is up already, of several the first that is ready.

    Waits ``server.ready_seconds`` for it; raises NoServer.
    """
    urls = settings.server_urls
    deadline = time.monotonic() + settings.server.ready_seconds
    while not cancelled():
        answers = {url: read_readiness(url) for url in urls}
        for url, answer in answers.items():
            if answer and answer.ready:
                return RunningServer(url)
        if all(answer and answer.foreign for answer in answers.values()):
            raise NoServer(f"what answers at {', '.join(urls)} is no server of this software")
        if not wait_until(deadline, RUNNING_POLL_SECONDS):
            break
    raise NoServer(
        f"no server is ready at {', '.join(urls)}; start one with '{command('server')}', "
        "or set schedule.start_server = true"
    )
