"""How right a head gets with how many pictures, and what more of them might bring."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fashion_model.linear_head import fit_scaled_head
from fashion_model.metrics import confusion_matrix
from fashion_model.teaching.cross_validation import CrossValidation, Fold, on_all_cores

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
SIZES = (5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)
# Few pictures are a matter of luck: they are drawn anew so often.
DRAWS_OF_FEW, DRAWN_FEW = 3, 20
# A class this right needs nothing.
RIGHT_ENOUGH = 0.95
# Twice as many pictures take away so much of the errors, or more of them is not the way.
LEAST_GAIN = 0.04
MOST_TIMES = 8
# With fewer pictures a class a curve is mostly luck. Of clothes, photographed at 339 people's,
# twice the pictures took away this share of the errors, from 20 a class to 200.
LEAST_TELLING, USUAL_GAIN = 50, 0.12


@dataclass(frozen=True)
class Point:
    """``size`` pictures a class at most: ``accuracy`` and each class's ``recalls`` [K], 0-1."""

    size: int
    accuracy: float
    recalls: Floats


@dataclass(frozen=True)
class Wish:
    """A class that needs more pictures: how right it is now, how many more, what they might bring.

    ``more`` is 0 where more pictures alone are not expected to help.
    """

    label: int
    pictures: int
    recall: float
    more: int
    expected: float


def learning_curve(
    features: NDArray[np.float32], classes: Indices, count: int, found: CrossValidation
) -> list[Point]:
    """Return how right heads are that learn from fewer pictures of each fold, then from all."""
    sizes = np.bincount(classes, minlength=count)
    largest = int(sizes.max() * (1.0 - 1.0 / len(found.folds)))
    wanted = [size for size in SIZES if size <= 0.8 * largest]
    points = [_point(features, classes, count, found, size) for size in wanted]
    all_of_them = confusion_matrix(classes, found.logits.argmax(axis=1), count)
    return [*points, _as_point(largest, all_of_them)]


def _point(
    features: NDArray[np.float32],
    classes: Indices,
    count: int,
    found: CrossValidation,
    size: int,
) -> Point:
    draws = DRAWS_OF_FEW if size <= DRAWN_FEW else 1
    tasks = [(fold, seed) for fold in found.folds for seed in range(draws)]
    counts = on_all_cores(partial(_counted, features, classes, count, found.strength, size), tasks)
    return _as_point(size, np.sum(list(counts), axis=0))


def _counted(
    features: NDArray[np.float32],
    classes: Indices,
    count: int,
    strength: float,
    size: int,
    task: tuple[Fold, int],
) -> Indices:
    """Return the confusion matrix of a fold, learnt from ``size`` pictures of each class."""
    fold, seed = task
    random = np.random.default_rng((size, seed))
    few = [random.permutation(fold.learn[classes[fold.learn] == k])[:size] for k in range(count)]
    chosen = np.concatenate(few)
    head = fit_scaled_head(features[chosen], classes[chosen], count, strength)
    said = head.logits(features[fold.measure]).argmax(axis=1)
    return confusion_matrix(classes[fold.measure], said, count)


def _as_point(size: int, counts: Indices) -> Point:
    right, of_class = np.diag(counts), counts.sum(axis=1)
    return Point(size, float(right.sum() / counts.sum()), right / np.maximum(of_class, 1))


def gain_of_doubling(points: list[Point]) -> float:
    """Return which share of the errors twice the pictures have taken away so far, 0-1.

    The errors of a learning curve fall about as a power of the pictures (Hestness et al. 2017,
    arXiv 1712.00409): a straight line through the logarithms of the last points.
    """
    last = points[-4:]
    if len(last) < 2 or last[-1].size < LEAST_TELLING:
        return USUAL_GAIN
    sizes = np.log2([point.size for point in last])
    # No point is quite without errors: there are few pictures to find them with.
    errors = np.log2([max(1.0 - point.accuracy, 1e-3) for point in last])
    slope = float(np.polyfit(sizes, errors, 1)[0])
    return float(np.clip(1.0 - 2.0**slope, 0.0, 0.5))


def wishes(points: list[Point], classes: Indices, count: int) -> list[Wish]:
    """Return the classes that more pictures are wanted of, the worst first."""
    sizes = np.bincount(classes, minlength=count)
    gain = gain_of_doubling(points)
    now = points[-1]
    least = min(RIGHT_ENOUGH, max(now.accuracy, 0.5))
    weak = [k for k in np.argsort(now.recalls) if now.recalls[k] < least]
    return [_wish(int(k), int(sizes[k]), float(now.recalls[k]), gain) for k in weak]


def _wish(label: int, pictures: int, recall: float, gain: float) -> Wish:
    if gain < LEAST_GAIN:
        return Wish(label, pictures, recall, 0, recall)
    # So often doubled that a quarter of the errors goes, but within reason.
    doublings = min(np.log(0.75) / np.log(1.0 - gain), np.log2(MOST_TIMES))
    more = _round(pictures * (2.0**doublings - 1.0))
    expected = 1.0 - (1.0 - recall) * (1.0 - gain) ** doublings
    return Wish(label, pictures, recall, more, float(expected))


def _round(count: float) -> int:
    """Round up to a number that does not claim more than is known."""
    step = 5 if count < 50 else 10 if count < 200 else 50
    return int(np.ceil(count / step) * step)
