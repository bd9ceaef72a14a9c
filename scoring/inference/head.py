"""The float end of the model: pooled features become probabilities and a strangeness score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.inference.bundle import Head

Floats = NDArray[np.float64]


class FloatHead:
    """The dense layer and the whitening of a bundle, in float64 and in one product."""

    def __init__(self, head: Head) -> None:
        """Prepare the arrays of ``head`` once."""
        self._classes = len(head.bias)
        self._weights = np.hstack([head.kernel, head.whitening]).astype(np.float64)
        self._bias = head.bias.astype(np.float64)
        means = head.class_means.astype(np.float64)
        self._means = means.T * -2.0
        self._mean_squares = (means**2).sum(axis=1)

    def apply(self, features: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Return logits [N, K] and outlier scores [N] of pooled features [N, F].

        The score is the squared Mahalanobis distance to the nearest class mean. Source: Lee et
        al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples", arXiv
        1807.03888 (one covariance for all classes, one layer).
        """
        both = features.astype(np.float64) @ self._weights
        logits, white = both[:, : self._classes] + self._bias, both[:, self._classes :]
        own = np.einsum("ij,ij->i", white, white)
        distances = white @ self._means + self._mean_squares
        scores: Floats = np.maximum(own + distances.min(axis=1), 0.0)
        return logits, scores


def softmax(logits: Floats) -> Floats:
    """Return probabilities [N, K]; the largest logit is taken off first, against overflow."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares
