"""A dense layer over features that stay as they are: logistic regression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float32]
ITERATIONS = 2_000


def fit_linear_head(
    features: Floats, labels: NDArray[np.int64], classes: int, freedom: float
) -> tuple[Floats, Floats]:
    """Return kernel [F, classes] and bias [classes] for ``features`` [N, F] of every class.

    ``freedom`` is the inverse of the penalty on large weights.
    """
    model = LogisticRegression(C=freedom, max_iter=ITERATIONS).fit(features, labels)
    kernel, bias = model.coef_.T, model.intercept_
    if classes == 2:
        # For two classes there is one row of weights: for the second one and against the first.
        kernel, bias = np.hstack((-kernel, kernel)) / 2, np.hstack((-bias, bias)) / 2
    return kernel.astype(np.float32), bias.astype(np.float32)
