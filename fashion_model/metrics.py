"""How good, how honest, how selective: the figures of the model card."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CALIBRATION_BINS = 15
# Sets of people that are drawn to learn how far a threshold depends on who they are.
DRAWS = 500
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def expected_calibration_error(
    confidence: Floats, right: Flags, bins: int = CALIBRATION_BINS
) -> float:
    """Return the mean gap between confidence [N] and accuracy over equal-width bins, 0-1.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv 1706.04599.
    """
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(place, right.astype(float) - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))


def auroc(usual: Floats, unusual: Floats) -> float:
    """Return how often an unusual score exceeds a usual one, ties counting half, 0-1."""
    ordered = np.sort(usual)
    below = np.searchsorted(ordered, unusual, side="left")
    not_above = np.searchsorted(ordered, unusual, side="right")
    return float((below + not_above).mean() / (2 * len(usual)))


def confidence_threshold(confidence: Floats, right: Flags, accuracy: float) -> float:
    """Return the lowest confidence from which on at least ``accuracy`` of the images are right.

    Returns 1.0 where no such confidence exists.
    """
    order = np.argsort(-confidence, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(share >= accuracy)
    return float(confidence[order[enough[-1]]]) if len(enough) else 1.0


def threshold_by_person(
    confidence: Floats, right: Flags, people: NDArray[np.int64], accuracy: float, sureness: float
) -> float:
    """Return the confidence that is enough for ``sureness`` (0-1) of the sets of people drawn.

    As `confidence_threshold`; as many people as there are are drawn again and again, each as often
    as it comes, with all their images [N]: one with many must not decide alone.
    Source: the bootstrap of clusters, Davison and Hinkley 1997, "Bootstrap Methods", 3.8.
    """
    random = np.random.default_rng(0)
    of_person = [np.flatnonzero(people == person) for person in np.unique(people)]
    needed = []
    for _ in range(DRAWS):
        drawn = random.integers(0, len(of_person), len(of_person))
        images = np.concatenate([of_person[person] for person in drawn])
        needed.append(confidence_threshold(confidence[images], right[images], accuracy))
    return float(np.quantile(needed, sureness))


def confusion_matrix(
    actual: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """Return counts int64 [classes, classes]: rows are the true classes."""
    pairs = np.bincount(actual * classes + predicted, minlength=classes * classes)
    return pairs.reshape(classes, classes)


def wilson_interval(right: float, count: float, deviations: float = 1.96) -> tuple[float, float]:
    """Return the interval of a share that was seen ``right`` times in ``count``, 95 % by default.

    Source: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".
    """
    share, square = right / count, deviations**2
    middle = share + square / (2 * count)
    half = deviations * float(np.sqrt(share * (1 - share) / count + square / (4 * count**2)))
    return (middle - half) / (1 + square / count), (middle + half) / (1 + square / count)


def independent_count(right: Flags, groups: NDArray[np.int64]) -> float:
    """Return as how many independent pictures those of ``groups`` [N] count.

    Pictures of one group are right or wrong together; the spread of the groups' sums says how much
    (the design effect of cluster sampling: Kish 1965, "Survey Sampling").
    """
    share = float(right.mean())
    alone = share * (1 - share) / len(right)
    if not alone:
        return float(len(np.unique(groups)))
    sums = np.bincount(np.unique(groups, return_inverse=True)[1], right - share)
    together = float((sums**2).sum()) / len(right) ** 2
    return len(right) / max(1.0, together / alone)
