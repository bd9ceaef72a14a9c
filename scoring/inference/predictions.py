"""Probabilities and strangeness become classes and reasons to look again. No runtime is loaded."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.protocol.signature import ReviewWords, Thresholds

Floats = NDArray[np.float64]


class Predictions(Struct, frozen=True):
    """What the model saw in N images.

    class_index int64 [N]; confidence float64 [N], the calibrated probability of that class;
    second_index and second_confidence, the same of the class that comes next;
    probabilities float64 [N, K]; outlier_score float64 [N], larger for
    what is less like the training images (see FloatHead); review, a reason or None each.
    """

    class_index: NDArray[np.int64]
    confidence: Floats
    second_index: NDArray[np.int64]
    second_confidence: Floats
    probabilities: Floats
    outlier_score: Floats
    review: list[str | None]


def summarise(
    probabilities: Floats, scores: Floats, thresholds: Thresholds, words: ReviewWords
) -> Predictions:
    """Return the two likeliest classes, with a reason to look again where there is one.

    Of a stranger no confidence means anything, so that it is not told as a second reason.
    """
    first = probabilities.argmax(axis=1)
    confidence = _of_class(probabilities, first)
    others = probabilities.copy()
    np.put_along_axis(others, first[:, None], -1.0, axis=1)
    second = others.argmax(axis=1)
    strange = scores > thresholds.outlier_score
    unsure = confidence < thresholds.confidence
    review = [
        words.outlier if odd else words.low_confidence if low else None
        for odd, low in zip(strange, unsure, strict=True)
    ]
    return Predictions(
        class_index=first,
        confidence=confidence,
        second_index=second,
        second_confidence=_of_class(probabilities, second),
        probabilities=probabilities,
        outlier_score=scores,
        review=review,
    )


def _of_class(probabilities: Floats, index: NDArray[np.int64]) -> Floats:
    """Return each row's probability of its class in ``index``."""
    return np.take_along_axis(probabilities, index[:, None], axis=1)[:, 0]
