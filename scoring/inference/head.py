"""The float end of the model: pooled features become probabilities and a strangeness score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.inference.bundle import Head

Floats = NDArray[np.float64]


class FloatHead:
    """The dense layer of a bundle and what measures strangeness, in float64."""

    def __init__(self, head: Head) -> None:
        """Prepare the arrays of ``head`` once."""
        self._kernel = head.kernel.astype(np.float64)
        self._whitening = head.whitening.astype(np.float64)
        self._bias = head.bias.astype(np.float64)
        means = head.class_means.astype(np.float64)
        self._means = means.T * -2.0
        self._mean_squares = (means**2).sum(axis=1)

    def apply(self, features: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Return logits [N, K] and outlier scores [N] of pooled features [N, F].

        The score is the squared Mahalanobis distance to the nearest class mean, one covariance
        for all classes, of the features' square roots: means of rectified values spread with
        their size, and the root evens that out. Source: Lee et al. 2018, "A Simple Unified
        Framework for Detecting Out-of-Distribution Samples", arXiv 1807.03888; the root is
        Tukey's, "Exploratory Data Analysis", 1977.
        """
        precise = features.astype(np.float64)
        logits = precise @ self._kernel + self._bias
        white = root_features(precise) @ self._whitening
        own = np.einsum("ij,ij->i", white, white)
        distances = white @ self._means + self._mean_squares
        scores: Floats = np.maximum(own + distances.min(axis=1), 0.0)
        return logits, scores


def root_features(features: Floats) -> Floats:
    """Return the square roots of pooled, rectified features [N, F]."""
    return np.sqrt(np.maximum(features, 0.0))


def softmax(logits: Floats) -> Floats:
    """Return probabilities [N, K]; the largest logit is taken off first, against overflow."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares
