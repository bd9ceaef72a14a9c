"""The last resort against a decoder that holds the interpreter and never gives it back."""

from __future__ import annotations

import faulthandler
import threading
from typing import Self

STDERR = 2
LEAST_SECONDS = 60.0
# The alarm is put off so many times within its time.
TURNS = 20


class Watchdog:
    """Ends this process, with its stacks on stderr, when the interpreter is away for ``seconds``.

    A thread of Python's puts the alarm off and does nothing else: it goes round as long as the
    interpreter does, whatever the run is busy with or waits for. The interpreter's own fault
    handler raises the alarm, by a thread that needs no interpreter. The run stays open, as after
    any sudden end, and whoever started the process starts it again. The handler's time goes on
    while the whole process is stopped (SIGSTOP, a debugger, a frozen container): one that was so
    for ``seconds`` is ended as well when it goes on.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = max(seconds, LEAST_SECONDS)

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._put_off()
        self._thread = threading.Thread(target=self._go_round, name="watchdog", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        faulthandler.cancel_dump_traceback_later()

    def _go_round(self) -> None:
        while not self._over.wait(self._seconds / TURNS):
            self._put_off()

    def _put_off(self) -> None:
        faulthandler.dump_traceback_later(self._seconds, exit=True, file=STDERR)
