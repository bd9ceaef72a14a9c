"""How right a model probably was on images whose truth nobody knows.

The first opinion is its calibrated confidence (CBPE): of images that it is 80 % sure of, 80 in 100
are right as long as they are like those it was calibrated with. Where the held-out images of a
class were right more or less often than it was sure of them, that is made up for, class by class,
so that a season's mix of classes does not mislead.

The second opinion counts the images that it is surer of than a limit, chosen so that of the
held-out images as many were above it as were right (ATC, Garg et al. 2022, arXiv 2201.04234), class
by class, too. Of images that look strange the first falls too little and the second further.

Of more strange images than usual nobody can say what they are: as many as are more than usual are
taken for wrong answers.

What either says is worth nothing once the images are other ones: ``why_not`` says when, and
``beyond_trust`` of one night alone. Its limits are those of the proof in docs/monitoring.md: what
costs less than two points is within them, and what is beyond costs points that confidence does not
show.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.monitoring.ranks import design_effect
from scoring.protocol.reference import Reference

Codes = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]

# Standard normal: of 1,000 clean nights 950 are to lie within the interval.
Z = 1.96
# Held-out images that a class's own gap is drawn towards none by: few of them say little.
SHRINKAGE = 30.0
# A class with fewer held-out images is counted with the others.
FEWEST_OF_CLASS = 30
# How far confidence and strangeness may move, in standard deviations of a place (``drift``), and
# how many more images than usual may be strange. None may be stranger than the others beyond
# chance (``Look.apart``).
MOST_LESS_SURE, MOST_STRANGER, MOST_STRANGERS = 0.7, 1.3, 0.04
# Standard errors of a night's own share of strange images.
CHANCE = 2.0


class Estimate(Struct, frozen=True):
    """Shares of 0-1 of ``images`` scored ones.

    ``value`` is the first opinion, ``low`` to ``high`` its interval (95 %), ``second`` the other
    opinion.
    """

    images: int
    value: float
    low: float
    high: float
    second: float

    @property
    def disagreement(self) -> float:
        """Return by how much the second opinion is lower, in shares of 0-1; negative: higher."""
        return self.value - self.second


class Estimator:
    """What the held-out images of one model say of its confidence; made once a run."""

    def __init__(self, reference: Reference, classes: int, strange_above: float) -> None:
        self._above = strange_above
        strange = reference.outlier_score > strange_above
        self._strangers = float(strange.mean())
        # So many images, each its own, would say as much of that share.
        self._independent = len(reference) / design_effect(strange, reference.group)
        self._predicted = reference.predicted.astype(np.int64)
        self._confidence = reference.confidence.astype(np.float64)
        self._classes = classes
        surprise = reference.right - self._confidence
        design = design_effect(surprise, reference.group)
        counts = np.bincount(self._predicted, minlength=classes)
        sums = np.bincount(self._predicted, surprise, minlength=classes)
        overall = float(surprise.mean())
        self._gaps = (sums + SHRINKAGE * overall) / (counts + SHRINKAGE)
        self._counts = counts
        # One image more that is wrong for certain: of a few that were all right, others may not be.
        self._variance = design * (float(surprise.var()) + 1.0 / len(surprise))
        self._limits = self._confidence_limits(reference.right, counts)

    def _confidence_limits(self, right: NDArray[np.bool_], counts: Codes) -> Floats:
        """Return the confidence above which as many held-out images lie as were right, [K]."""
        overall = _limit(self._confidence, right)
        limits = np.full(self._classes, overall)
        for code in np.flatnonzero(counts >= FEWEST_OF_CLASS):
            mine = self._predicted == code
            limits[code] = _limit(self._confidence[mine], right[mine])
        return limits

    def estimate(self, predicted: Codes, confidence: Floats, outlier: Floats) -> Estimate | None:
        """Return how right the model probably was on images; None of none.

        Args:
            predicted: classes [N].
            confidence: calibrated, 0 to 1, [N].
            outlier: their scores [N], NaN where there is none.
        """
        count = len(predicted)
        if not count:
            return None
        known = self.known(outlier)
        expected = known * np.clip(confidence + self._gaps[predicted], 0.0, 1.0)
        accuracy = float(expected.mean())
        # Each image is right or not by its own chance (Poisson-binomial); the gaps are known as
        # well as the held-out images tell them, and common to all images of a class.
        own = float((expected * (1.0 - expected)).sum()) / count**2
        shares = np.bincount(predicted, minlength=self._classes) / count
        held = self._held_out_variance(shares)
        error = Z * math.sqrt(own + held) + 0.5 / count
        second = float((known * (confidence > self._limits[predicted])).mean())
        return Estimate(
            count, accuracy, max(0.0, accuracy - error), min(1.0, accuracy + error), second
        )

    def _held_out_variance(self, shares: Floats) -> float:
        """Return the variance of the gaps' mean over classes that come with such ``shares`` [K].

        A held-out image tells of its own class, and of the others as far as their gaps are drawn
        towards that of all: the fewer they have themselves.
        """
        own = shares / (self._counts + SHRINKAGE)
        of_all = float(own.sum()) * SHRINKAGE / float(self._counts.sum())
        return self._variance * float((self._counts * (own + of_all) ** 2).sum())

    def known(self, outlier: Floats) -> Floats:
        """Return how much each of N > 0 images counts: strange ones less, of more than usual."""
        strange = outlier > self._above
        usual = self.usual_strangers(len(outlier))
        return np.where(strange, min(1.0, usual / max(float(strange.mean()), usual)), 1.0)

    def usual_strangers(self, count: int) -> float:
        """Return the largest usual share of strange images among so many.

        Chance has a part in the night's share, and had one in that of the held-out images.
        """
        variance = sum(max(self._strangers, 1.0 / n) / n for n in (count, self._independent))
        return self._strangers + CHANCE * math.sqrt(variance)


def beyond_trust(less_sure: float, stranger: float, strangers: float, apart: float) -> list[str]:
    """Return in words in which way a night is too far from what the model was tested with.

    Args:
        less_sure, stranger: how far confidence and outlier scores have moved.
        strangers: the share of strange images beyond the largest usual one.
        apart: the share of images that are stranger than the others, beyond chance.
    """
    told = {
        "how sure the model is": abs(less_sure) > MOST_LESS_SURE,
        "how strange the images are to the model": abs(stranger) > MOST_STRANGER,
        "the share of strange images": strangers > MOST_STRANGERS,
        "some images are unlike the others": apart > 0.0,
    }
    return [words for words, is_beyond in told.items() if is_beyond]


def why_not(
    images: int,
    fewest: int,
    calibrated: date | None,
    today: date,
    most_days: int,
    alarms: list[str],
) -> str:
    """Return why an estimate is not to be relied on, "" where it is.

    Args:
        images: that it is of; ``fewest`` are needed.
        calibrated: when the model's confidence was; None: nobody knows.
        today: of the run; ``most_days`` may have passed since.
        alarms: what says that the images are others than the model knows, in words.
    """
    if images < fewest:
        return f"too few images ({images} of {fewest})"
    if alarms:
        return f"the images are not those the model was tested with ({', '.join(alarms)})"
    if calibrated is not None and (today - calibrated).days > most_days:
        return f"the model was calibrated more than {most_days} days ago"
    return ""


def pooled(estimates: list[Estimate]) -> Estimate | None:
    """Return the estimate of the images of several nights together; None of none.

    What the nights have in common, the held-out images' own error, does not shrink with them: the
    interval is as wide as the nights' own are on average.
    """
    images = sum(one.images for one in estimates)
    if not images:
        return None

    def mean(name: str) -> float:
        return sum(one.images * float(getattr(one, name)) for one in estimates) / images

    return Estimate(images, *(mean(name) for name in ("value", "low", "high", "second")))


def _limit(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Return the confidence that as many lie above as were right."""
    wrong = int((~right).sum())
    if not wrong:
        return -1.0
    return float(np.partition(confidence, wrong - 1)[wrong - 1])
