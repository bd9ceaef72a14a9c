"""What the standing scheduler shows, by a thread of its own: no night waits for a terminal.

Ctrl-S, text that is being selected in a console of Windows, a pager that nobody scrolls: who writes
there waits until somebody comes, and that may be in the morning.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import QueueHandler

# Lines that wait to be shown; further ones are dropped, for the events log has them all.
MOST_LINES = 1000
# What a terminal may take at the end to show the last lines.
LAST_SECONDS = 2.0

Lines = queue.Queue[logging.LogRecord | None]


class _Waiting(QueueHandler):
    """Puts lines where the thread finds them, and never waits itself."""

    def enqueue(self, record: logging.LogRecord) -> None:
        with suppress(queue.Full):
            self.queue.put_nowait(record)


@contextmanager
def shown_meanwhile() -> Iterator[None]:
    """Let what is logged be shown by a thread, by the handlers that there are."""
    root, lines = logging.getLogger(), Lines(MOST_LINES)
    shown = root.handlers[:]
    thread = threading.Thread(target=_show, args=(lines, shown), name="console", daemon=True)
    thread.start()
    root.handlers[:] = [_Waiting(lines)]
    try:
        yield
    finally:
        with suppress(queue.Full):
            lines.put_nowait(None)
        thread.join(LAST_SECONDS)
        root.handlers[:] = shown


def _show(lines: Lines, handlers: list[logging.Handler]) -> None:
    while record := lines.get():
        for handler in handlers:
            # Without its lock, which the interpreter wants at its end, and waits for.
            handler.emit(record)
