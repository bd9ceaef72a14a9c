"""The scheduler behind a client that it started: its word, its secret, and its end."""

from __future__ import annotations

import threading

from client.retry_policy import RunWindow
from client.stop_signal import StopSignal
from scoring.processes.parent_pipe import ParentPipe
from scoring.settings import Settings


def obey_parent(settings: Settings, stop: StopSignal) -> ParentPipe:
    """Let the pipe from the scheduler stop the run; return it: it tells of the server, too.

    Raises NoParent where nobody speaks on standard input.
    """
    opened = threading.Event()
    pipe: ParentPipe | None = None

    def closed() -> None:
        opened.wait()
        stop.request(window_closed=pipe is not None and pipe.window_closed)

    pipe = ParentPipe.open(closed, exit_seconds=settings.client.stop_seconds)
    stop.window = RunWindow(pipe.window_seconds)
    opened.set()
    return pipe
