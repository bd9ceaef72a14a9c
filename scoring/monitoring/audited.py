"""How right a model was, by what people said of a random sample of its images.

Of the images that it did not mark a sample was drawn, each with a known probability, and people
judge those without having seen the answer; they judge the marked ones, too. So the unmarked are
estimated from the sample (Horvitz and Thompson 1952), night by night, and the marked are counted.
As long as some of the marked ones wait, nobody knows whether those are right: those judged first
are the least certain, and tell nothing of the others. They widen the interval.

Who types into Results.csv or sends feedback picks what struck him, wrong answers first. Such a
word on an image of the sample counts as that image, and says nothing of the rest of the sample.

"Not a garment" is a wrong answer. Whom nobody could tell is left out, and so is whatever was judged
of another version of the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from msgspec import Struct

from scoring.records.audited_rows import AuditedRun, Judged

Z = 1.96
# Fewer judged images of the sample say nothing that anybody should act on.
FEWEST = 20


class Audited(Struct, frozen=True):
    """Shares of 0-1, over the images of the nights that have judged ones in their sample.

    Attributes:
        value: of all images; those marked that wait are counted as sure as the model is.
        low, high: the interval (95 %), from none of the waiting right to all of them.
        unmarked: of the images that the model did not mark.
        correction: mean of (right - confidence), to be added to mean confidence.
        judged: images of the sample that people judged; ``drawn`` were to be.
        waiting: marked images that nobody has judged.
    """

    value: float
    low: float
    high: float
    unmarked: float
    correction: float
    judged: int
    drawn: int
    waiting: int


def audited(runs: Sequence[AuditedRun]) -> Audited | None:
    """Return how right a model was in these runs; None where too few images were judged."""
    known = [run for run in runs if run.judged]
    judged = sum(len(run.judged) for run in known)
    if judged < FEWEST:
        return None
    unmarked = sum(run.unmarked for run in known)
    right = sum(run.unmarked * _mean(run, lambda one: one.right) for run in known)
    share = right / unmarked
    # As many judged images of one night would tell as much as these do of all.
    worth = unmarked**2 / sum(run.unmarked**2 / len(run.judged) for run in known)
    low, high = wilson(share, worth)
    marked_right = sum(run.marked_right for run in known)
    waiting = sum(run.waiting for run in known)
    counted = unmarked + waiting + sum(run.marked_right + run.marked_wrong for run in known)
    believed = sum(run.waiting_confidence for run in known)
    surprise = sum(
        run.unmarked * _mean(run, lambda one: one.right - one.confidence) for run in known
    )
    surprise += sum(run.marked_surprise for run in known)
    return Audited(
        value=(right + marked_right + believed) / counted,
        low=(low * unmarked + marked_right) / counted,
        high=(high * unmarked + marked_right + waiting) / counted,
        unmarked=share,
        correction=surprise / (counted - waiting),
        judged=judged,
        drawn=sum(run.drawn for run in known),
        waiting=waiting,
    )


def wilson(share: float, count: float) -> tuple[float, float]:
    """Return the interval (95 %) of a share of ``count`` images (Wilson 1927)."""
    squared = Z * Z
    middle = (share + squared / (2 * count)) / (1 + squared / count)
    spread = share * (1 - share) / count + squared / (4 * count * count)
    half = Z * math.sqrt(spread) / (1 + squared / count)
    # At both ends all but the last digits are the share itself.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def _mean(run: AuditedRun, value: Callable[[Judged], float]) -> float:
    """Return the mean over a sample: those judged as drawn stand for all that nobody picked."""
    mean = sum(map(value, run.judged)) / len(run.judged)
    picked = len(run.picked)
    drawn = max(run.drawn, picked + len(run.judged))
    return (sum(map(value, run.picked)) + (drawn - picked) * mean) / drawn
