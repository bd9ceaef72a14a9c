"""The ways in which a program is asked to stop, on every system."""

from __future__ import annotations

import signal
import threading

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


def stop_event() -> threading.Event:
    """Return an event that Ctrl-C, Ctrl-Break, SIGTERM and a closed terminal set."""
    stop = threading.Event()
    for name in NAMES:
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, lambda *_: stop.set())
    return stop
