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
from fashion_model.teaching.suspects import Suspect, find_suspects
from scoring.inference.bundle import Head
from scoring.inference.head import softmax
from scoring.protocol.signature import Thresholds

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]
# Rows that are not flagged shall be right so often, and their mean confidence shall claim a little
# more: with few pictures the surest answers claim up to a point too much.
REVIEW_ACCURACY, CLAIMED_ACCURACY = 0.98, 0.99
# New people's pictures are stranger than those at hand; so many of these may be called strange.
STRANGE_SHARE = 0.03


@dataclass(frozen=True)
class Lesson:
    """A head learnt from ``photographs`` and what is known of it.

    ``probabilities`` [N, K] and ``scores`` [N] were given to each picture by heads that had not
    seen its group; ``groups`` [N] says which pictures belong together.
    """

    backbone: Backbone
    photographs: Photographs
    groups: Indices
    head: Head
    temperature: float
    thresholds: Thresholds
    probabilities: Floats
    scores: Floats
    curve: list[Point]
    wishes: list[Wish]
    suspects: list[Suspect]

    @property
    def said(self) -> Indices:
        """Return the class that was named for each picture, int64 [N]."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def right(self) -> Flags:
        """Return which pictures were named right, bool [N]."""
        return np.asarray(self.said == self.photographs.classes, np.bool_)

    def figures(self) -> dict[str, float]:
        """Return the figures of the signature; shares of 0-1."""
        right = self.right
        confidence = self.probabilities.max(axis=1)
        strange = self.scores > self.thresholds.outlier_score
        kept = ~strange & (confidence >= self.thresholds.confidence)
        count = independent_count(right, self.groups)
        low, high = wilson_interval(float(right.mean()) * count, count)
        return {
            "measured_images": float(len(right)),
            "measured_groups": float(len(np.unique(self.groups))),
            "accuracy": float(right.mean()),
            "accuracy_low": low,
            "accuracy_high": high,
            "calibration_error": expected_calibration_error(confidence, right),
            "unflagged_share": float(kept.mean()),
            "unflagged_accuracy": float(right[kept].mean()) if kept.any() else 0.0,
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
    curve = learning_curve(features, classes, count, found)
    linear = fit_scaled_head(features, classes, count, found.strength)
    return Lesson(
        backbone=backbone,
        photographs=photographs,
        groups=groups,
        head=whole_head(linear, features, classes, count),
        temperature=found.temperature,
        thresholds=_thresholds(probabilities, scores, classes),
        probabilities=probabilities,
        scores=scores,
        curve=curve,
        wishes=wishes(curve, classes, count),
        suspects=find_suspects(probabilities, classes),
    )


def _thresholds(probabilities: Floats, scores: Floats, classes: Indices) -> Thresholds:
    strange = float(np.quantile(scores, 1.0 - STRANGE_SHARE))
    usual = scores <= strange
    right = probabilities[usual].argmax(axis=1) == classes[usual]
    return Thresholds(sure_threshold(probabilities[usual].max(axis=1), right), strange)


def sure_threshold(confidence: Floats, right: Flags) -> float:
    """Return the lowest confidence [N] from which on enough are right, by both accounts.

    Of a few dozen pictures what was right says little, and their mean confidence more: of new
    people's clothes, 20 and 50 pictures a class, it left more of them unmarked and as many right.
    Returns 1.0 where there is none: every row is flagged then.
    """
    order = np.argsort(-confidence, kind="stable")
    counts = np.arange(1, len(order) + 1)
    claimed, seen = np.cumsum(confidence[order]) / counts, np.cumsum(right[order]) / counts
    enough = np.flatnonzero((claimed >= CLAIMED_ACCURACY) & (seen >= REVIEW_ACCURACY))
    return float(confidence[order[enough[-1]]]) if len(enough) else 1.0
