"""The last resort against a decoder that holds the interpreter and never gives it back."""

from __future__ import annotations

import faulthandler
import math
import time
from typing import Self

STDERR = 2
LEAST_SECONDS = 60.0


class Watchdog:
    """Ends this process, with its stacks on stderr, when it is not fed for ``seconds``.

    The interpreter's own fault handler does it, by a thread that needs no interpreter. The run
    stays open, as after any sudden end, and whoever started the process starts it again.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = max(seconds, LEAST_SECONDS)
        self._fed = -math.inf
        self._watches = False

    def __enter__(self) -> Self:
        self._fed, self._watches = -math.inf, True
        self.feed()
        return self

    def __exit__(self, *_: object) -> None:
        self._watches = False
        faulthandler.cancel_dump_traceback_later()

    def feed(self) -> None:
        """Say that the interpreter still goes round; cheap enough to be said often."""
        now = time.monotonic()
        if self._watches and now - self._fed > self._seconds / 20:
            self._fed = now
            faulthandler.dump_traceback_later(self._seconds, exit=True, file=STDERR)
