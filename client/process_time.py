"""What Process Time means for a run of several batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection


class ProcessTime:
    """The wall time of one command, shared out among the batches it scores.

    A batch has the time since the one before it was done, the first one since the command began.
    What comes after the last, Results.csv above all, is the last one's: so the batches of a run
    add up to the time from command to Results.csv, and one batch alone has all of it.
    """

    def __init__(self, started: float, now: Callable[[], float] = time.monotonic) -> None:
        self._started = self._lap_started = started
        self._now = now
        self._laps: dict[str, float] = {}
        self._ended: float | None = None

    def total(self) -> float:
        """Return the seconds since the command began, until Results.csv was in place."""
        return (self._now() if self._ended is None else self._ended) - self._started

    def end_batch(self, batch: str) -> None:
        """Note that a batch is done, or can go no further."""
        now = self._now()
        self._laps[batch] = now - self._lap_started
        self._lap_started = now

    def of_batches(self, shown: Collection[str]) -> dict[str, float]:
        """Return the seconds of each batch that the run shows.

        To look into one that has nothing new takes time too: the next that is shown has it. It is
        asked for once Results.csv is in place: what comes after that is no part of it.
        """
        now = self._ended = self._now()
        seconds: dict[str, float] = {}
        carried = 0.0
        for batch, lap in self._laps.items():
            carried += lap
            if batch in shown:
                seconds[batch], carried = carried, 0.0
        if seconds:
            seconds[list(seconds)[-1]] += carried + now - self._lap_started
        return seconds
