"""What a run of the benchmark found: rows of contenders, single figures, and ratios of them."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.bench.contract import SERVED, TUTORIAL, Contender
from benchmarks.bench.running import Measured

What = Literal["wall", "processor"]


@dataclass
class Row:
    """One contender over one folder: a measurement a round, in turns with the others.

    ``agreement`` is the share of images that had the floor's label in the last round; ``error``
    says why there is nothing, or nothing more.
    """

    part: str
    images: int
    contender: Contender
    rounds: list[Measured] = field(default_factory=list)
    agreement: float | None = None
    error: str | None = None

    def median(self, what: str) -> float | None:
        """Return the median of one of Measured's numbers, None where there is none."""
        values = [float(getattr(one, what)) for one in self.rounds]
        return statistics.median(values) if values else None


@dataclass(frozen=True)
class Figure:
    """A number that stands alone, a value a round."""

    key: str
    text: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)


@dataclass
class Results:
    """Everything that was measured."""

    rows: list[Row] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)

    def row(self, part: str, key: str, images: int | None = None) -> Row | None:
        """Return a contender's row of a part; without a number of images, its first."""
        found = (
            row
            for row in self.rows
            if (row.part, row.contender.key) == (part, key) and images in (None, row.images)
        )
        return next(found, None)

    def figure(self, key: str) -> float | None:
        return next((one.median for one in self.figures if one.key == key), None)

    def sizes(self, part: str) -> list[int]:
        return sorted({row.images for row in self.rows if row.part == part})

    def served(self, part: str, images: int, group: str) -> list[Row]:
        """Return the rows of a group of servers that gave a measurement."""
        return [
            row
            for row in self.rows
            if (row.part, row.images, row.contender.group) == (part, images, group) and row.rounds
        ]


def ratio(over: Row | None, under: Row | None, what: What = "wall") -> float | None:
    """Return the median of the ratios, round by round; None where one has no measurement."""
    if over is None or under is None:
        return None
    pairs = zip(over.rounds, under.rounds, strict=False)
    ratios = [getattr(one, what) / (getattr(other, what) or 1e-9) for one, other in pairs]
    return statistics.median(ratios) if ratios else None


def slope_ratio(results: Results, key: str, base: str, what: What = "wall") -> float | None:
    """Return one contender's cost of a further image by another's.

    It is that between the two largest folders; None where they were not both measured, or where
    noise made a cost negative.
    """
    few, many = ([0, 0, *results.sizes("growth")])[-2:]
    slopes = []
    for one in (key, base):
        costs = [results.row("growth", one, images) for images in (few, many)]
        medians = [row.median(what) if row else None for row in costs]
        if medians[0] is None or medians[1] is None or many <= few:
            return None
        slopes.append((medians[1] - medians[0]) / (many - few))
    return slopes[0] / slopes[1] if min(slopes) > 0 else None


def against_best(results: Results, part: str, images: int, what: What = "wall") -> float | None:
    """Return this project's time by that of the fastest server with the same predictor."""
    ours = results.row(part, "ours", images)
    ratios = [ratio(ours, row, what) for row in results.served(part, images, SERVED)]
    return max((one for one in ratios if one is not None), default=None)


def against_tutorials(
    results: Results, part: str, images: int, what: What = "wall"
) -> float | None:
    """Return the fastest tutorial server's time by this project's."""
    ours = results.row(part, "ours", images)
    ratios = [ratio(row, ours, what) for row in results.served(part, images, TUTORIAL)]
    return min((one for one in ratios if one is not None), default=None)
