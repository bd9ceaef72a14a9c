"""What a night's mean confidence should not fall below, and when retraining is advised.

By default the limit of a class comes from the model's held-out pictures: their mean confidence,
less what chance alone explains for as many pictures as the night has, and at least less what
nobody cares about. The whole is judged against the classes as they came tonight, so that a season's
mix of classes raises nothing. Limits that stand in the settings count as they are.

One night below tells little; two of the last three do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict
from numpy.typing import NDArray

from scoring.monitoring.words import cut, listed
from scoring.protocol.reference import Reference

# The name under which the settings have the limit of all classes together.
WHOLE = "*"
# Fewer pictures have no mean worth judging, here and among those held out.
FEWEST_PICTURES = 30
# Standard errors that chance is allowed: eleven means a night, 365 nights a year.
CHANCE = 3.5
# Nobody retrains for less: a difference of mean confidence, 0 to 1.
LEAST = 0.03
# So many of the last nights below advise to retrain; none of them below: all is well again.
BELOW, OF_NIGHTS = 2, 3
# Of a night's classes below what a line names.
NAMED = 4

Codes = NDArray[np.integer[Any]]
Confidences = NDArray[np.floating[Any]]


class Usual(Struct, frozen=True):
    """The confidence of held-out pictures of one predicted class: its mean, spread and skewness."""

    images: int
    mean: float
    spread: float
    skewness: float


class Limit(Struct, frozen=True):
    """One mean of a night and what it should not fall below; ``label`` may be ``WHOLE``."""

    label: str
    images: int
    mean: float
    limit: float

    @property
    def is_below(self) -> bool:
        # The last digits of a sum are no difference.
        return self.mean < self.limit - 1e-9


class Thresholds(Struct, frozen=True):
    """What a night came to, of one version of a model.

    ``nights``: which of the last nights were below, the last one last; ``advised``: retraining is
    advised until all of them are not; ``is_new``: this night was the first to say so.
    """

    limits: tuple[Limit, ...] = ()
    nights: tuple[bool, ...] = ()
    advised: bool = False
    is_new: bool = False

    @property
    def below(self) -> tuple[Limit, ...]:
        return tuple(one for one in self.limits if one.is_below)

    def limit_of(self, label: str) -> float | None:
        """Return the limit of a class, where this night had enough pictures of it."""
        return next((one.limit for one in self.limits if one.label == label), None)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "limits": tuple(asdict(one) for one in self.limits)}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Thresholds:
        """Return what was kept of an earlier night; what cannot be read is passed over."""
        try:
            limits = tuple(Limit(**one) for one in kept.get("limits", ()))
            nights = tuple(bool(one) for one in kept.get("nights", ()))
        except TypeError:
            return cls()
        return cls(limits, nights[-OF_NIGHTS:], bool(kept.get("advised")), bool(kept.get("is_new")))


def usual_of(predicted: Codes, confidence: Confidences, classes: int) -> list[Usual | None]:
    """Return each class's held-out confidence, None where there are too few pictures of it.

    Args:
        predicted: [N] of 0 to ``classes`` - 1.
        confidence: [N] of 0 to 1.
    """
    return [_usual(np.asarray(confidence)[predicted == code]) for code in range(classes)]


def judge_model(
    reference: Reference | None,
    labels: Sequence[str],
    predicted: Codes,
    confidence: Confidences,
    explicit: Mapping[str, float],
) -> tuple[Limit, ...]:
    """Return the means of a night beside a model's reference, where it brings one.

    As ``judge_night``; what was given none of the labels (a code below 0) is left out.
    """
    usual: list[Usual | None] = [None] * len(labels)
    if reference:
        usual = usual_of(reference.predicted, reference.confidence, len(labels))
    known = predicted >= 0
    return judge_night(labels, usual, predicted[known], confidence[known], explicit)


def judge_night(
    labels: Sequence[str],
    usual: Sequence[Usual | None],
    predicted: Codes,
    confidence: Confidences,
    explicit: Mapping[str, float],
) -> tuple[Limit, ...]:
    """Return the means of a night that can be judged, the whole first.

    Args:
        labels: the model's, by code.
        usual: what was held out of each class; all None of a model without a reference.
        predicted: [N] codes of the pictures that were scored.
        confidence: [N] of 0 to 1.
        explicit: limits of the settings, by label or ``WHOLE``; they win.
    """
    counts = np.bincount(predicted, minlength=len(labels))
    sums = np.bincount(predicted, weights=confidence, minlength=len(labels)).astype(np.float64)
    found = [_whole(usual, counts, sums, explicit.get(WHOLE))]
    for label, one, count, total in zip(labels, usual, counts, sums, strict=True):
        found.append(_class(label, one, int(count), float(total), explicit.get(label)))
    return tuple(one for one in found if one is not None)


def after_night(
    limits: tuple[Limit, ...], before: Thresholds | None, *, counts: bool = True
) -> Thresholds:
    """Return where a model stands; a run that does not count, or judges nothing, moves nothing."""
    earlier = before or Thresholds()
    if not counts or not limits:
        return Thresholds(limits, earlier.nights, earlier.advised)
    nights = (*earlier.nights, any(one.is_below for one in limits))[-OF_NIGHTS:]
    enough = sum(nights) >= BELOW
    advised = enough or (earlier.advised and not _is_well(nights))
    return Thresholds(limits, nights, advised, is_new=enough and not earlier.advised)


def advice(model: str, found: Thresholds) -> str:
    """Return in one line what the advice to retrain is founded on."""
    nights = f"{sum(found.nights)} of the last {len(found.nights)} nights"
    return (
        f"retraining {model} is advised: mean confidence was below its threshold on {nights};"
        f" now {_named(found.below)}"
    )


def words(found: Thresholds) -> str:
    """Return a line for the report; "" where nothing could be judged and nothing is advised."""
    if found.advised:
        below = f": {_named(found.below)}" if found.below else "; tonight it was not"
        nights = f"{sum(found.nights)} of the last {len(found.nights)} nights"
        return f"Retraining is advised. Mean confidence was below its threshold on {nights}{below}."
    if found.below:
        return f"Mean confidence is below its threshold tonight: {_named(found.below)}."
    return "No mean confidence is below its threshold." if found.limits else ""


def _usual(confidence: Confidences) -> Usual | None:
    if len(confidence) < FEWEST_PICTURES:
        return None
    mean, spread = float(confidence.mean()), float(confidence.std())
    cubed = float(((confidence - mean) ** 3).mean())
    return Usual(len(confidence), mean, spread, cubed / spread**3 if spread > 1e-6 else 0.0)


def _class(
    label: str, usual: Usual | None, count: int, total: float, explicit: float | None
) -> Limit | None:
    if count < FEWEST_PICTURES:
        return None
    if explicit is not None:
        return Limit(label, count, total / count, explicit)
    if usual is None:
        return None
    error = usual.spread * math.sqrt(1 / count + 1 / usual.images)
    limit = _limit(usual.mean, error, usual.skewness / math.sqrt(count))
    return Limit(label, count, total / count, limit)


def _whole(
    usual: Sequence[Usual | None],
    counts: NDArray[np.integer[Any]],
    sums: NDArray[np.float64],
    explicit: float | None,
) -> Limit | None:
    """Judge all classes together, each as often as it came tonight; those unknown are left out."""
    total = int(counts.sum())
    if explicit is not None and total >= FEWEST_PICTURES:
        return Limit(WHOLE, total, float(sums.sum()) / total, explicit)
    known = [
        (one, int(count), float(got))
        for one, count, got in zip(usual, counts, sums, strict=True)
        if one
    ]
    images = sum(count for _, count, _ in known)
    if images < FEWEST_PICTURES:
        return None
    mean = sum(got for _, _, got in known) / images
    expected = sum(one.mean * count for one, count, _ in known) / images
    spread = math.sqrt(sum(one.spread**2 * count for one, count, _ in known))
    held = sum((one.spread * count) ** 2 / one.images for one, count, _ in known)
    third = sum(one.skewness * one.spread**3 * count for one, count, _ in known)
    skewness = third / spread**3 if spread > 1e-6 else 0.0
    return Limit(
        WHOLE,
        images,
        mean,
        _limit(expected, math.hypot(spread, math.sqrt(held)) / images, skewness),
    )


def _limit(expected: float, error: float, skewness: float) -> float:
    """Return what a mean falls below by chance about as rarely as a normal one by ``CHANCE``.

    Confidences are skewed to the left, means of few of them still a little (Cornish and Fisher
    1938, to the third moment).
    """
    allowed = error * (CHANCE - skewness * (CHANCE**2 - 1) / 6)
    return expected - max(allowed, LEAST)


def _is_well(nights: Sequence[bool]) -> bool:
    return len(nights) == OF_NIGHTS and not any(nights)


def _named(below: Sequence[Limit]) -> str:
    said = [
        f"{'all classes' if one.label == WHOLE else cut(one.label, 40)} {100 * one.mean:.1f} %"
        f" (threshold {100 * one.limit:.1f} %)"
        for one in below
    ]
    return listed(said, NAMED)
