"""A dense layer over features that stay as they are: multinomial logistic regression."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]
Features = NDArray[np.float32]
Labels = NDArray[np.int64]
# The logit of a class that there is no picture of: it is never named.
NEVER = -30.0


@dataclass(frozen=True)
class Care:
    """When fitting ends: after so many ``steps``, or where none changes more than ``tolerance``."""

    steps: int
    tolerance: float


EXACT = Care(2_000, 1e-4)
# For heads that are fitted a hundred times: more would change the fourth digit.
QUICK = Care(200, 3e-3)


@dataclass(frozen=True)
class LinearHead:
    """``kernel`` [F, K] and ``bias`` [K]: logits of features as they are."""

    kernel: Floats
    bias: Floats

    def logits(self, features: Features) -> Floats:
        """Return logits [N, K] of features [N, F]."""
        return features.astype(np.float64) @ self.kernel + self.bias


def fit_head(
    features: Features, classes: Labels, count: int, freedom: float, care: Care = EXACT
) -> LinearHead:
    """Fit a head for ``count`` classes to ``features`` [N, F]; a class may have no picture.

    ``freedom`` is the inverse of the penalty on large weights.
    """
    regression = LogisticRegression(C=freedom, max_iter=care.steps, tol=care.tolerance)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(features, classes)
    weights = regression.coef_.astype(np.float64)
    offsets = regression.intercept_.astype(np.float64)
    if len(weights) == 1:  # two classes have one vector, for the second of them
        weights = np.concatenate([-weights, weights]) / 2
        offsets = np.concatenate([-offsets, offsets]) / 2
    kernel, bias = np.zeros((features.shape[1], count)), np.full(count, NEVER)
    kernel[:, regression.classes_], bias[regression.classes_] = weights.T, offsets
    return LinearHead(kernel, bias)


def fit_scaled_head(features: Features, classes: Labels, count: int, strength: float) -> LinearHead:
    """Fit a head as quickly as will do; ``strength`` is the freedom for features of mean spread 1.

    What a network's features are like is then no matter.
    """
    middle = features.mean(axis=0, dtype=np.float64)
    spread = max(float(features.std(axis=0).mean()), 1e-9)
    scaled = ((features - middle) / spread).astype(np.float32)
    head = fit_head(scaled, classes, count, strength, QUICK)
    kernel = head.kernel / spread
    return LinearHead(kernel, head.bias - middle @ kernel)
