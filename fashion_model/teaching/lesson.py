"""What was learnt, and how right it is on pictures that it was not learnt from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashion_model.linear_head import fit_scaled_head
from fashion_model.metrics import (
    expected_calibration_error,
    independent_count,
    wilson_interval,
)
from fashion_model.teaching.backbones import Backbone
from fashion_model.teaching.cross_validation import CrossValidation, cross_validate
from fashion_model.teaching.learning_curve import Point, Wish, learning_curve, wishes
from fashion_model.teaching.photographs import Photographs
from fashion_model.teaching.strangeness import held_out_scores, whole_head
from fashion_model.teaching.sureness import Expected, choose_review
from fashion_model.teaching.suspects import Suspect, find_suspects
from scoring.inference.bundle import Head
from scoring.inference.head import softmax
from scoring.protocol.signature import Thresholds

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Tuning:
    """How the network itself was tuned: the weights it began with, for how many ``steps``.

    ``learnt``: how many photographs it learnt from; ``frozen_right`` bool [M]: which of the others
    the frozen way named right, without having learnt from them.
    """

    start: str
    steps: int
    learnt: int
    frozen_right: Flags

    def is_better(self, right: Flags, groups: Indices) -> bool:
        """Tell whether the tuned network, ``right`` [M] on pictures of ``groups`` [M], gains more.

        By more than its standard error, were there nothing to be gained, by groups.
        """
        gains = right.astype(float) - self.frozen_right
        sums = np.bincount(np.unique(groups, return_inverse=True)[1], gains)
        return bool(gains.sum() > np.sqrt((sums**2).sum()))


@dataclass(frozen=True)
class Lesson:
    """A head learnt from ``photographs`` and what is known of it.

    ``groups`` [N] says which pictures belong together. ``probabilities`` [M, K] and ``scores`` [M]
    are of the M ``measured`` pictures, by heads that had not seen their groups: of all pictures,
    or of those that a ``tuning`` of the network left out.
    """

    backbone: Backbone
    photographs: Photographs
    groups: Indices
    head: Head
    temperature: float
    thresholds: Thresholds
    expected: Expected
    measured: Indices
    probabilities: Floats
    scores: Floats
    curve: list[Point]
    wishes: list[Wish]
    suspects: list[Suspect]
    tuning: Tuning | None = None

    @property
    def classes(self) -> Indices:
        """Return the true classes of the measured pictures, int64 [M]."""
        return self.photographs.classes[self.measured]

    @property
    def said(self) -> Indices:
        """Return the class that was named for each measured picture, int64 [M]."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def right(self) -> Flags:
        """Return which measured pictures were named right, bool [M]."""
        return np.asarray(self.said == self.classes, np.bool_)

    @property
    def is_better(self) -> bool:
        """Return whether a tuning was worth it."""
        groups = self.groups[self.measured]
        return self.tuning is not None and self.tuning.is_better(self.right, groups)

    def figures(self) -> dict[str, float]:
        """Return the figures of the signature; shares of 0-1."""
        right = self.right
        confidence = self.probabilities.max(axis=1)
        strange = self.scores > self.thresholds.outlier_score
        kept = ~strange & (confidence >= self.thresholds.confidence)
        groups = self.groups[self.measured]
        count = independent_count(right, groups)
        low, high = wilson_interval(float(right.mean()) * count, count)
        return {
            "measured_images": float(len(right)),
            "measured_groups": float(len(np.unique(groups))),
            "accuracy": float(right.mean()),
            "accuracy_low": low,
            "accuracy_high": high,
            "calibration_error": expected_calibration_error(confidence, right),
            "unflagged_share": float(kept.mean()),
            "unflagged_accuracy": float(right[kept].mean()) if kept.any() else 0.0,
            "unflagged_expected": self.expected.right,
            "unflagged_at_least": self.expected.at_least,
            "called_strange": float(strange.mean()),
        }


def validate(photographs: Photographs, groups: Indices) -> CrossValidation:
    """Cross-validate heads on the photographs' features; groups stay together."""
    return cross_validate(
        photographs.features, photographs.classes, groups, len(photographs.labels)
    )


def learn(
    backbone: Backbone, photographs: Photographs, groups: Indices, found: CrossValidation
) -> Lesson:
    """Fit the head to all photographs, and temperature and thresholds to what was held out."""
    features, classes, count = (
        photographs.features, photographs.classes, len(photographs.labels),
    )  # fmt: skip
    probabilities = softmax(found.logits / found.temperature)
    scores = held_out_scores(features, classes, count, found)
    thresholds, expected = choose_review(found.logits, scores, classes, groups, found.temperature)
    curve = learning_curve(features, classes, count, found)
    linear = fit_scaled_head(features, classes, count, found.strength)
    return Lesson(
        backbone=backbone,
        photographs=photographs,
        groups=groups,
        head=whole_head(linear, features, classes, count),
        temperature=found.temperature,
        thresholds=thresholds,
        expected=expected,
        measured=np.arange(len(photographs)),
        probabilities=probabilities,
        scores=scores,
        curve=curve,
        wishes=wishes(curve, classes, count),
        suspects=find_suspects(probabilities, classes),
    )
