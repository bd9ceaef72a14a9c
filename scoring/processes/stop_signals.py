"""The ways in which a program is asked to stop, on every system."""

from __future__ import annotations

import _thread
import signal
from collections.abc import Callable

# Ctrl-C; what a service manager sends; Ctrl-Break, which Windows has in its place.
ASKING = ("SIGINT", "SIGTERM", "SIGBREAK")
TERMINAL_CLOSED = "SIGHUP"


def on_stop_signals(stop: Callable[[], object], *, terminal_closed: bool = False) -> None:
    """Call ``stop``, in a thread of its own, for every signal that asks this program to end.

    With ``terminal_closed`` also when its terminal does, unless it was started with ``nohup``;
    otherwise the system does then what it does for any program.
    """
    for name in (*ASKING, TERMINAL_CLOSED) if terminal_closed else ASKING:
        number = getattr(signal, name, None)
        if number is not None and not (name == TERMINAL_CLOSED and _is_ignored(number)):
            signal.signal(number, lambda *_: _call(stop))


def _call(stop: Callable[[], object]) -> None:
    """Call ``stop`` where it may wait for the main thread.

    A signal interrupts that anywhere, also while it holds the lock of the very event that ``stop``
    sets. A thread of ``threading`` has such locks of its own.
    """
    try:
        _thread.start_new_thread(stop, ())
    except RuntimeError:  # no more threads may be started
        stop()


def _is_ignored(number: int) -> bool:
    return signal.getsignal(number) == signal.SIG_IGN
