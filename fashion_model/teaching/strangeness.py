"""What tells strangers: distances in all of the backbone's dimensions, from few pictures too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from sklearn.covariance import ledoit_wolf_shrinkage

from fashion_model.linear_head import LinearHead, fit_scaled_head
from fashion_model.teaching.cross_validation import CrossValidation, Fold, on_all_cores
from scoring.inference.bundle import Head
from scoring.inference.head import FloatHead, root_features

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
# Of a backbone that sees no difference; the whitening must fit into half precision.
LEAST_SPREAD, LEAST_SHRINKAGE = 1e-6, 1e-3


def whole_head(
    linear: LinearHead, features: NDArray[np.float32], classes: Indices, count: int
) -> Head:
    """Return the head as a bundle holds it: ``linear`` with whitening [F, F] and class means.

    The covariance that the classes share is shrunk as Ledoit and Wolf 2004 do ("A well-conditioned
    estimator for large-dimensional covariance matrices"): there are fewer pictures than dimensions.
    """
    roots = root_features(features.astype(np.float64), relative=True)
    # A class without pictures (in a fold) lies where all do; it is never the nearest for that.
    means = np.tile(roots.mean(axis=0), (count, 1))
    for one in np.unique(classes):
        means[one] = roots[classes == one].mean(axis=0)
    residuals = roots - means[classes]
    covariance = residuals.T @ residuals / len(residuals)
    share = float(ledoit_wolf_shrinkage(residuals, assume_centered=True))
    even = max(float(np.trace(covariance)) / len(covariance), LEAST_SPREAD)
    covariance *= 1.0 - share
    covariance.flat[:: len(covariance) + 1] += max(share, LEAST_SHRINKAGE) * even
    factor = np.linalg.cholesky(covariance)
    whitening = solve_triangular(factor, np.eye(len(factor)), lower=True).T
    return Head(
        kernel=linear.kernel.astype(np.float32),
        bias=linear.bias.astype(np.float32),
        whitening=whitening.astype(np.float32),
        class_means=(means @ whitening).astype(np.float32),
        relative=np.array(True),
    )


def held_out_scores(
    features: NDArray[np.float32], classes: Indices, count: int, found: CrossValidation
) -> Floats:
    """Return how strange each picture is to what was learnt without its group, float64 [N]."""

    def measured(fold: Fold) -> Floats:
        seen, known = features[fold.learn], classes[fold.learn]
        linear = fit_scaled_head(seen, known, count, found.strength)
        return FloatHead(whole_head(linear, seen, known, count)).apply(features[fold.measure])[1]

    scores = np.empty(len(classes))
    for fold, values in zip(found.folds, on_all_cores(measured, found.folds), strict=True):
        scores[fold.measure] = values
    return scores
