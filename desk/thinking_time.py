"""How long people take for a decision: kept with each review."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable

from msgspec import Struct


class Figures(Struct, frozen=True):
    """Seconds a decision took: of half of them at most ``p50``, of 95 in 100 at most ``p95``."""

    count: int
    p50: float
    p95: float

    def __str__(self) -> str:
        return f"{self.p50:.1f} s a decision, 19 in 20 within {self.p95:.1f} s"


class ThinkingTime:
    """The times of all decisions by reviewer; seconds."""

    def __init__(self) -> None:
        self._of: defaultdict[str, list[float]] = defaultdict(list)
        self._all: list[float] = []

    def add(self, reviewer: str, seconds: float | None) -> None:
        """Add a decision, where its time is known."""
        if seconds is not None:
            insort(self._of[reviewer], seconds)
            insort(self._all, seconds)

    def add_all(self, decisions: Iterable[tuple[str, float]]) -> None:
        """Add many at once."""
        for reviewer, seconds in decisions:
            self._of[reviewer].append(seconds)
            self._all.append(seconds)
        for times in (self._all, *self._of.values()):
            times.sort()

    def of(self, reviewer: str) -> Figures | None:
        """Return one person's figures; None before the first decision."""
        return _figures(self._of.get(reviewer, []))

    def of_all(self) -> Figures | None:
        """Return everybody's figures."""
        return _figures(self._all)


def _figures(times: list[float]) -> Figures | None:
    if not times:
        return None
    return Figures(len(times), *(times[int(share * (len(times) - 1))] for share in (0.5, 0.95)))
