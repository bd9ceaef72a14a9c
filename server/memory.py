"""How much memory all requests together may take: bodies, inflated ones, and what is parsed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self

from scoring.protocol.errors import TooLarge, Unavailable

# Of one request; so small ones are served however full the server is, and connections bound them.
FREE_BYTES = 262_144


def _nobody(taken: int) -> None:
    """Watch nothing."""


class MemoryBudget:
    """Bytes that requests may take together. Thread-safe; nobody waits, who comes late is told."""

    def __init__(self, limit: int, watch: Callable[[int], None] = _nobody) -> None:
        """Take the limit; ``watch`` is told how much is taken, whenever that changes."""
        self.limit = limit
        self._taken = 0
        self._watch = watch
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """How many bytes are accounted for."""
        return self._taken

    def share(self, beside: int = 0) -> Share:
        """Return an account for one request, which may hold bytes ``beside`` it elsewhere."""
        return Share(self, beside)

    def take(self, count: int) -> None:
        """Take bytes away; raises Unavailable where they are not there."""
        with self._lock:
            if self._taken + count > self.limit:
                raise Unavailable("the server's memory is full of requests", code="full")
            self._taken += count
            self._watch(self._taken)

    def give_back(self, count: int) -> None:
        """Return bytes that were taken."""
        with self._lock:
            self._taken -= count
            self._watch(self._taken)


class Share:
    """What one request takes of the budget, given back when it is closed."""

    def __init__(self, budget: MemoryBudget, beside: int) -> None:
        self._budget = budget
        self._beside = beside
        self._free = FREE_BYTES
        self._taken = 0
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Account for bytes before they are there.

        Raises Unavailable while other requests hold them, TooLarge where no waiting will help.
        """
        with self._lock:
            free = min(count, self._free)
            if self._beside + self._taken + count - free > self._budget.limit:
                raise TooLarge(
                    "to read this request takes more memory than server.max_memory_bytes;"
                    " send fewer rows",
                    limit=self._budget.limit,
                )
            self._budget.take(count - free)
            self._free -= free
            self._taken += count - free

    def close(self) -> None:
        """Give back what was taken; a second time does nothing."""
        with self._lock:
            self._budget.give_back(self._taken)
            self._taken, self._free = 0, FREE_BYTES

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
