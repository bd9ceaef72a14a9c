"""Pixels become labels, calibrated confidences and reasons to look again."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.inference.bundle import Bundle
from scoring.inference.head import FloatHead, softmax
from scoring.inference.interpreter_pool import InterpreterPool
from scoring.protocol.signature import Signature, Thresholds

LOW_CONFIDENCE = "low confidence"
NOT_A_GARMENT = "not a garment?"
# Rows an interpreter takes at once; a shorter tail is padded. Larger blocks gain nothing in the
# backbone, and from 32 rows on the head's small products wake BLAS's own threads, which then
# fight the pool's for the cores (a quarter of the rate). See the model card ("Speed").
BLOCK_ROWS = 16


@dataclass(frozen=True)
class Predictions:
    """What the model saw in N images.

    class_index int64 [N]; confidence float64 [N], the calibrated probability of that class;
    probabilities float64 [N, K]; outlier_score float64 [N], the squared Mahalanobis distance of
    the pooled features to the nearest class; review, a reason or None for each image.
    """

    class_index: NDArray[np.int64]
    confidence: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    outlier_score: NDArray[np.float64]
    review: list[str | None]


class Predictor:
    """A served bundle. Thread-safe: ``predict`` may be called from any number of threads.

    An image's numbers do not depend on the batch it travels in: the backbone is integer
    arithmetic, and everything after it runs on blocks of one fixed shape.
    """

    def __init__(self, bundle: Bundle, threads: int = 0) -> None:
        """Make ``threads`` interpreters (0: one per core) and warm one up."""
        self._bundle = bundle
        size = threads or os.cpu_count() or 1
        self._rows = BLOCK_ROWS
        self._head = FloatHead(bundle.head)
        self._pool = InterpreterPool(bundle, size, self._rows)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="inference")
        self.predict(np.zeros((1, self.signature.input.row_length), np.uint8))

    @property
    def signature(self) -> Signature:
        """Return the signature of the bundle being served."""
        return self._bundle.signature

    def predict(self, pixels: NDArray[np.uint8]) -> Predictions:
        """Return the predictions for ``pixels`` uint8 [N, H*W*C], raw 0-255, N may be 0.

        Raises:
            ValueError: another dtype or shape than the signature's.
        """
        width = self.signature.input.row_length
        if pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.shape[1] != width:
            raise ValueError(
                f"pixels are {pixels.dtype}{list(pixels.shape)}, not uint8[N, {width}]"
            )
        starts = range(0, len(pixels), self._rows)
        blocks = list(self._threads.map(lambda s: self._block(pixels[s : s + self._rows]), starts))
        if not blocks:
            blocks = [(np.empty((0, len(self.signature.labels))), np.empty(0))]
        probabilities = np.concatenate([block[0] for block in blocks])
        scores = np.concatenate([block[1] for block in blocks])
        return summarise(probabilities, scores, self.signature.thresholds)

    def features(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the backbone's pooled features float32 [N, F]; calibration needs them."""
        starts = range(0, len(pixels), self._rows)
        run = self._threads.map(lambda s: self._features(pixels[s : s + self._rows]), starts)
        features: NDArray[np.float32] = np.concatenate(list(run))[: len(pixels)]
        return features

    def close(self) -> None:
        """End the threads; the predictor is of no use afterwards."""
        self._threads.shutdown()

    def _features(self, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        block = rows
        if len(rows) < self._rows:
            block = np.zeros((self._rows, rows.shape[1]), np.uint8)
            block[: len(rows)] = rows
        with self._pool.borrow() as runner:
            return runner.features(np.ascontiguousarray(block))

    def _block(self, rows: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        logits, scores = self._head.apply(self._features(rows))
        probabilities = softmax(logits / self.signature.temperature)
        return probabilities[: len(rows)], scores[: len(rows)]


def summarise(
    probabilities: NDArray[np.float64], scores: NDArray[np.float64], thresholds: Thresholds
) -> Predictions:
    """Return the likeliest classes, with a reason to look again where there is one."""
    confidence: NDArray[np.float64] = probabilities.max(axis=1, initial=0.0)
    strange = scores > thresholds.outlier_score
    unsure = confidence < thresholds.confidence
    review = [
        NOT_A_GARMENT if odd else LOW_CONFIDENCE if low else None
        for odd, low in zip(strange, unsure, strict=True)
    ]
    return Predictions(probabilities.argmax(axis=1), confidence, probabilities, scores, review)
