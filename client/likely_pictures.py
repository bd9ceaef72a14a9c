"""Which images of a run somebody may be asked about though nothing is wrong with them.

The audit sample and the least certain are known when a run has ended. So that the large files among
them need not be decoded once more, those are remembered that would be among them by now: of N
images that come in any order n · (1 + ln(N / n)) where n are wanted, some hundreds.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterable

from scoring.records.audit import rank
from scoring.records.rows import ScoredImage
from scoring.settings import Settings


class Lowest:
    """Tells of numbers that come one by one whether they are among the lowest so far."""

    def __init__(self, count: int) -> None:
        self._count = count
        # Negated: the first, which the next has to beat, is the highest of them.
        self._negated: list[float] = []

    def takes(self, number: float) -> bool:
        """Tell whether it is among the lowest ``count``, itself counted."""
        if len(self._negated) < self._count:
            heapq.heappush(self._negated, -number)
            return True
        return bool(self._count) and heapq.heappushpop(self._negated, -number) != -number


class LikelyPictures:
    """Finds what may be wanted of a run, with some that will not be; threads may share it."""

    def __init__(self, audit: int = 0, uncertain: int = 0) -> None:
        """Take how many are drawn for the audit, and how many of the least certain are shown."""
        self._lock = threading.Lock()
        self._ranks = Lowest(audit)
        self._confidences = Lowest(uncertain)

    def among(self, run_id: str, batch: str, images: Iterable[ScoredImage]) -> set[int]:
        """Return the numbers of those that may be wanted, of images that have a prediction."""
        with self._lock:
            return {one.num for one in images if self._may_be_wanted(run_id, batch, one)}

    def _may_be_wanted(self, run_id: str, batch: str, image: ScoredImage) -> bool:
        assert image.confidence is not None
        is_uncertain = self._confidences.takes(image.confidence)
        if image.review is not None:
            return is_uncertain  # nor is it drawn
        place = int.from_bytes(rank(run_id, batch, image.path))
        return self._ranks.takes(place) or is_uncertain


def likely_pictures(settings: Settings) -> LikelyPictures:
    """Return what looks for them in a run; nothing where no pictures are kept."""
    records = settings.records
    if not records.pictures_bytes:
        return LikelyPictures()
    return LikelyPictures(records.audit, records.uncertain_pictures)
