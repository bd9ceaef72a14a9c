"""The nights before, as figures of one model or of whole runs; the ledger keeps them by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from msgspec import Struct

from scoring.monitoring.facts import Totals
from scoring.monitoring.words import short_day
from scoring.records.rows import BatchFigures, Run


class Figures(Struct, frozen=True, dict=True):
    """What one run came to over some of its batches: all of them, or those of one model."""

    run: Run
    rows: tuple[BatchFigures, ...]

    @property
    def night(self) -> str:
        """The day that a chart names it by."""
        return short_day(self.run.due_date or self.run.started_at.date())

    @property
    def batches(self) -> tuple[str, ...]:
        """The batches that it had images of: a night looks into every folder that there is.

        Of one by hand those that it was given; of one that has not ended, too: what it had is
        known at its end.
        """
        if self.run.due_date is None or self.run.state == "running":
            return self.run.batches
        return tuple(row.batch for row in self.rows if row.images)

    @property
    def images(self) -> int:
        return sum(row.images for row in self.rows)

    @property
    def failed(self) -> int:
        return sum(row.failed for row in self.rows)

    @property
    def flagged(self) -> int:
        return sum(row.flagged for row in self.rows)

    @property
    def scored(self) -> int:
        return self.images - self.failed

    @property
    def seconds(self) -> float | None:
        known = [row.process_seconds for row in self.rows if row.process_seconds is not None]
        return sum(known) if known else None

    @property
    def speed(self) -> float | None:
        """Images a second of wall time; None where nobody took the time."""
        return self.images / self.seconds if self.seconds else None

    @property
    def mean_confidence(self) -> float | None:
        return self._mean(lambda row: row.mean_confidence)

    @property
    def versions(self) -> set[str]:
        return {row.model.version for row in self.rows if row.images}

    def image_mean(self, name: str) -> float | None:
        """Return the mean of one of the pictures' statistics."""
        return self._mean(lambda row: row.image_means.get(name))

    @cached_property
    def class_counts(self) -> Counter[str]:
        """Return how many images each class was given."""
        counts: Counter[str] = Counter()
        for row in self.rows:
            counts.update(row.class_counts)
        return counts

    def class_share(self, label: str) -> float | None:
        """Return a class's share of the scored images; None where the counts were not kept."""
        counts = self.class_counts
        total = counts.total()
        return counts[label] / total if total else None

    def class_confidence(self, label: str) -> float | None:
        """Return the mean confidence of a class, of all batches that have it."""
        pairs = [
            (row.class_confidence[label], row.class_counts.get(label, 1))
            for row in self.rows
            if label in row.class_confidence
        ]
        return _weighted(pairs)

    def totals(self, waiting: int = 0) -> Totals:
        return Totals(
            images=self.images,
            failed=self.failed,
            flagged=self.flagged,
            waiting=waiting,
            mean_confidence=self.mean_confidence,
            seconds=self.seconds,
        )

    def of_model(self, name: str) -> Figures:
        """Return the part of it that one model scored."""
        return Figures(self.run, tuple(row for row in self.rows if row.model.name == name))

    def _mean(self, value: Callable[[BatchFigures], float | None]) -> float | None:
        return _weighted([(value(row), row.images - row.failed) for row in self.rows])


def by_model(figures: Sequence[Figures], name: str) -> list[Figures]:
    """Return what one model came to in each run that it had images in."""
    parts = (one.of_model(name) for one in figures)
    return [part for part in parts if part.images]


def version_before(nights: Sequence[Figures], version: str) -> str:
    """Return the version that answered in the last of the nights; "" where it is the same one."""
    last = next((one.versions for one in reversed(nights) if one.versions), set())
    return "" if version in last else min(last, default="")


def _weighted(pairs: Iterable[tuple[float | None, int]]) -> float | None:
    known = [(value, weight) for value, weight in pairs if value is not None and weight > 0]
    total = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / total if total else None
