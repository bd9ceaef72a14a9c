"""Pixels become labels, calibrated confidences and reasons to look again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.inference.bundle import Bundle, BundleUnreadable
from scoring.inference.head import FloatHead, softmax
from scoring.inference.interpreter_pool import InterpreterPool
from scoring.inference.predictions import Floats, Predictions, summarise
from scoring.inference.turns import Turns
from scoring.protocol.signature import Signature
from scoring.settings import available_cores

# Rows an interpreter takes at once, of small images; a shorter tail is padded. Larger blocks gain
# nothing in the backbone, and from 32 rows on the head's small products wake BLAS's own threads,
# which then fight the pool's for the cores (a quarter of the rate). See the model card ("Speed").
BLOCK_ROWS = 16
# Pixels an interpreter takes at once, of large images: a photograph is work enough for one call,
# and a request of a dozen is shared among all cores.
BLOCK_BYTES = 100_000
# Blocks a thread takes in one turn (see Turns): 9 ms of small images. Taking 16 instead would
# spare 1 % of the processor's time, one by one cost 5 % more (measured).
SHARE_BLOCKS = 4


def block_rows(row_length: int) -> int:
    """Return how many images of ``row_length`` bytes an interpreter takes at once."""
    return max(1, min(BLOCK_ROWS, BLOCK_BYTES // row_length))


def cut(count: int, block: int, threads: int) -> list[slice]:
    """Cut ``count`` rows into shares of whole blocks, as even as can be; no rows are one share."""
    blocks = -(-count // block)
    rows = block * min(SHARE_BLOCKS, max(1, -(-blocks // threads)))
    return [slice(start, start + rows) for start in range(0, max(1, count), rows)]


class Predictor:
    """A served bundle. Thread-safe: ``predict`` may be called from any number of threads.

    An image's numbers do not depend on the batch it travels in: the backbone is integer
    arithmetic, and everything after it runs on blocks of one fixed shape.
    """

    def __init__(self, bundle: Bundle, threads: int = 0) -> None:
        """Make ``threads`` interpreters (0: one for each core this process may use).

        Raises BundleUnreadable for a model that does not fit its signature and head.
        """
        self._bundle = bundle
        self._size = threads or available_cores()
        self._block = block_rows(bundle.signature.input.row_length)
        # Rows that a caller's own thread does: less than a block of small images, one photograph.
        self._most_alone = max(1, self._block - 1)
        self._head = FloatHead(bundle.head)
        self._blocks = InterpreterPool(bundle, self._size, self._block)
        self._singles = InterpreterPool(bundle, self._size, 1)
        self._turns = Turns(self._size)
        self._check_scores()

    @property
    def signature(self) -> Signature:
        """Return the signature of the bundle being served."""
        return self._bundle.signature

    @property
    def threads(self) -> int:
        """Return how many interpreters there are, each with a core."""
        return self._size

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
        if len(pixels) <= self._most_alone:
            # On the caller's thread, with an interpreter that no large request holds.
            parts = [self._classify(pixels)]
        else:
            parts = self._turns.map(self._classify, self._shares(pixels))
        probabilities = np.concatenate([part[0] for part in parts])
        scores = np.concatenate([part[1] for part in parts])
        return summarise(probabilities, scores, self.signature.thresholds, self.signature.review)

    def features(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the backbone's pooled features float32 [N, F]; calibration needs them."""
        return np.concatenate(self._turns.map(self._features, self._shares(pixels)))

    def close(self) -> None:
        """End the threads; the predictor is of no use afterwards."""
        self._turns.close()

    def _shares(self, pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        return [pixels[share] for share in cut(len(pixels), self._block, self._size)]

    def _check_scores(self) -> None:
        """Score a black, a white and a grey image: a model that gives no numbers is not served."""
        width = self.signature.input.row_length
        shades = np.array([[0], [255], [128]], np.uint8)
        seen = self.predict(np.repeat(shades, width, axis=1))
        if not (np.isfinite(seen.probabilities).all() and np.isfinite(seen.outlier_score).all()):
            self.close()
            raise BundleUnreadable(f"{self._bundle.folder}: its scores are no finite numbers")

    def _classify(self, rows: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """Return probabilities and scores; the head works on blocks of one shape, padded."""
        features = self._features(rows)
        missing = -len(rows) % self._block if len(rows) else self._block
        padded = np.pad(features, ((0, missing), (0, 0))) if missing else features
        results = [
            self._classify_block(padded[start : start + self._block])
            for start in range(0, len(padded), self._block)
        ]
        probabilities = np.concatenate([result[0] for result in results])
        scores = np.concatenate([result[1] for result in results])
        return probabilities[: len(rows)], scores[: len(rows)]

    def _classify_block(self, features: NDArray[np.float32]) -> tuple[Floats, Floats]:
        logits, scores = self._head.apply(features)
        return softmax(logits / self.signature.temperature), scores

    def _features(self, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the pooled features float32 [N, F] of ``rows``.

        An image costs the same in a block of 16 as alone, so a block that is filled up with zeros
        would cost a single image sixteen times its price. Blocks spare calls, each of which may
        have to wait for Python's lock.
        """
        whole = 0 if len(rows) <= self._most_alone else len(rows) - len(rows) % self._block
        nothing = np.empty((0, len(self._bundle.head.kernel)), np.float32)
        parts = self._blocks.features(rows[:whole]) + self._singles.features(rows[whole:])
        return np.concatenate([nothing, *parts])
