"""Pixels become labels, calibrated confidences and reasons to look again."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from scoring.inference.bundle import Bundle
from scoring.inference.head import FloatHead, softmax
from scoring.inference.interpreter_pool import InterpreterPool
from scoring.inference.predictions import Floats, Predictions, summarise
from scoring.protocol.signature import Signature

# Rows an interpreter takes at once; a shorter tail is padded. Larger blocks gain nothing in the
# backbone, and from 32 rows on the head's small products wake BLAS's own threads, which then
# fight the pool's for the cores (a quarter of the rate). See the model card ("Speed").
BLOCK_ROWS = 16
# Blocks a thread takes at once: handing over every single one costs 5 % of the rate.
SHARE_BLOCKS = 16


class Predictor:
    """A served bundle. Thread-safe: ``predict`` may be called from any number of threads.

    An image's numbers do not depend on the batch it travels in: the backbone is integer
    arithmetic, and everything after it runs on blocks of one fixed shape.
    """

    def __init__(self, bundle: Bundle, threads: int = 0) -> None:
        """Make ``threads`` interpreters (0: one per core) and warm one up."""
        self._bundle = bundle
        self._size = threads or os.cpu_count() or 1
        self._head = FloatHead(bundle.head)
        self._pool = InterpreterPool(bundle, self._size, BLOCK_ROWS)
        self._threads = ThreadPoolExecutor(self._size, thread_name_prefix="inference")
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
        parts = list(self._threads.map(self._classify, self._shares(pixels)))
        probabilities = np.concatenate([part[0] for part in parts])
        scores = np.concatenate([part[1] for part in parts])
        return summarise(probabilities, scores, self.signature.thresholds, self.signature.review)

    def features(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the backbone's pooled features float32 [N, F]; calibration needs them."""
        parts = self._threads.map(self._features, self._shares(pixels))
        return np.concatenate(list(parts))[: len(pixels)]

    def close(self) -> None:
        """End the threads; the predictor is of no use afterwards."""
        self._threads.shutdown()

    def _shares(self, pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        """Cut the rows into whole blocks for the threads; the last share may end in half a one."""
        blocks = -(-len(pixels) // BLOCK_ROWS)
        rows = BLOCK_ROWS * min(SHARE_BLOCKS, max(1, -(-blocks // self._size)))
        return [pixels[start : start + rows] for start in range(0, max(1, len(pixels)), rows)]

    def _classify(self, rows: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        features = self._features(rows)
        results = [
            self._classify_block(features[start : start + BLOCK_ROWS])
            for start in range(0, len(features), BLOCK_ROWS)
        ]
        probabilities = np.concatenate([result[0] for result in results])
        scores = np.concatenate([result[1] for result in results])
        return probabilities[: len(rows)], scores[: len(rows)]

    def _classify_block(self, features: NDArray[np.float32]) -> tuple[Floats, Floats]:
        logits, scores = self._head.apply(features)
        return softmax(logits / self.signature.temperature), scores

    def _features(self, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the features of ``rows`` and of the zeros that fill the last block."""
        missing = -len(rows) % BLOCK_ROWS if len(rows) else BLOCK_ROWS
        padded = np.pad(rows, ((0, missing), (0, 0))) if missing else rows
        with self._pool.borrow() as runner:
            return np.concatenate(
                [
                    runner.features(padded[start : start + BLOCK_ROWS])
                    for start in range(0, len(padded), BLOCK_ROWS)
                ]
            )
