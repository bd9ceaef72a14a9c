"""The second opinion that is not served, to hold the served one against: optimal transport.

Each image of a night is to get one of the labels of the held-out images, as many of each as there
were, at the least cost in all; what the model was not sure of that label is the cost. As many
images count as wrong as cost more than a limit, chosen so that of the held-out images as many cost
more as were wrong (COTT, Lu et al. 2023, arXiv 2305.15640). The labels' mix is taken to be the
held-out images'. A ledger keeps two classes of each answer: the others share what is left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from scoring.monitoring.night import Night
from scoring.protocol.reference import Reference

Floats = NDArray[np.float64]
# The assignment takes the square of it in memory, and more in time.
MOST_IMAGES = 500
# Of the held-out images, to choose the limit with.
DRAWS = 20
SEED = 0


class Transport:
    """What the held-out images of one model say of the cost of wrong answers."""

    def __init__(self, reference: Reference, classes: int) -> None:
        self._classes = classes
        self._truth = np.sort(reference.truth.astype(np.int64))
        self._random = np.random.default_rng(SEED)
        answers = _probabilities(reference, classes)
        drawn = [self._random.choice(len(reference), MOST_IMAGES) for _ in range(DRAWS)]
        costs = np.concatenate([self._costs(answers[rows]) for rows in drawn])
        self._limit = float(np.quantile(costs, reference.right.mean()))

    def estimate(self, night: Night, known: NDArray[np.floating[Any]]) -> float:
        """Return the share of images of a night that were named right, 0-1; N > 0.

        A night of more than ``MOST_IMAGES`` images is judged by so many of them. ``known`` [N]: how
        much an image counts, where it may be none of the classes.
        """
        count = min(len(night), MOST_IMAGES)
        rows = self._random.choice(len(night), count, replace=False)
        costs = self._costs(_probabilities(night.take(rows), self._classes))
        return float((known[rows] * (costs <= self._limit)).mean())

    def _costs(self, answers: Floats) -> Floats:
        """Return what the label costs that each image gets, [N], of its answers [N, K]."""
        places = (np.arange(len(answers)) + 0.5) / len(answers) * len(self._truth)
        labels = self._truth[places.astype(np.int64)]
        costs = 1.0 - answers[:, labels]
        rows, columns = linear_sum_assignment(costs)
        return np.asarray(costs[rows, columns], np.float64)


def _probabilities(seen: Night | Reference, classes: int) -> Floats:
    """Return the calibrated probabilities [N, K], as far as a ledger knows them."""
    first, second = seen.confidence.astype(np.float64), seen.second_confidence.astype(np.float64)
    rest = np.clip(1.0 - first - second, 0.0, 1.0) / max(1, classes - 2)
    found = np.repeat(rest[:, None], classes, axis=1)
    rows = np.arange(len(found))
    found[rows, seen.second.astype(np.int64)] = second
    found[rows, seen.predicted.astype(np.int64)] = first
    return found
