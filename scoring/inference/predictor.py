"""Pixels become labels, calibrated confidences and reasons to look again."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scoring.inference.bundle import Bundle, BundleUnreadable
from scoring.inference.head import FloatHead, softmax
from scoring.inference.interpreter_pool import Networks
from scoring.inference.predictions import Floats, Predictions, summarise
from scoring.inference.turns import Turns
from scoring.protocol.signature import Signature
from scoring.settings import available_cores

# Rows an interpreter takes at once, of small images; larger blocks gain nothing (measured; see the
# model card, "Speed").
BLOCK_ROWS = 16
# Pixels an interpreter takes at once, of large images: two photographs of 224×224 cost 4 % less
# than one by one, more gain nothing and take more memory (measured).
BLOCK_BYTES = 310_000
# Blocks a thread takes in one turn (see Turns): 9 ms of small images, 35 of photographs. Taking 16
# instead would spare 1 % of the processor's time, one by one cost 5 % more (measured).
SHARE_BLOCKS = 4
# Blocks of the head in one turn: a millisecond of small images, 16 to 35 of photographs.
HEAD_SHARE_BLOCKS = 8


def block_rows(row_length: int) -> int:
    """Return how many images of ``row_length`` bytes an interpreter takes at once."""
    return max(1, min(BLOCK_ROWS, BLOCK_BYTES // row_length))


def cut(count: int, unit: int, threads: int, most: int) -> list[slice]:
    """Cut ``count`` rows into shares of whole units, at most ``most`` of them, for all threads.

    The shares are as even as can be, and as many for each thread; of no rows there is one.
    """
    units = -(-count // unit)
    shares = max(1, min(units, threads * -(-units // (threads * most))))
    starts = [unit * (share * units // shares) for share in range(shares + 1)]
    return [slice(start, stop) for start, stop in pairwise(starts)]


class Predictor:
    """A served bundle. Thread-safe: ``predict`` may be called from any number of threads.

    An image's numbers do not depend on the batch it travels in: the backbone is integer
    arithmetic, and everything after it takes each row as if it were alone.
    """

    def __init__(self, bundle: Bundle, threads: int = 0, networks: Networks | None = None) -> None:
        """Try the model; ``threads`` cores will work for it (0: all that this process may use).

        ``networks`` are those of other bundles, of which one may be this one's too.
        Raises BundleUnreadable for a model that does not fit its signature and head.
        """
        self._bundle = bundle
        self._size = threads or available_cores()
        self._block = block_rows(bundle.signature.input.row_length)
        # What is shared among the cores: whole blocks of small images, but photographs one by one.
        self._unit = self._block if self._block == BLOCK_ROWS else 1
        # Rows that a caller's own thread does: less than a block of small images, one photograph.
        self._most_alone = max(1, self._unit - 1)
        self._network = (networks or Networks()).find(bundle, self._size, self._block)
        self._check_scores()
        self._turns = Turns(self._size)

    @property
    def signature(self) -> Signature:
        """Return the signature of the bundle being served."""
        return self._bundle.signature

    def held_out(self) -> bytes | None:
        """Return what the bundle said of held-out images, None where it came without."""
        return self._bundle.held_out

    @property
    def threads(self) -> int:
        """Return how many interpreters there may be for large requests, each with a core."""
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
            parts = [self._classify(self._features(pixels))]
        else:
            features = self.features(pixels)
            shares = cut(len(features), BLOCK_ROWS, self._size, HEAD_SHARE_BLOCKS)
            parts = self._turns.map(self._classify, [features[share] for share in shares])
        probabilities = np.concatenate([part[0] for part in parts])
        scores = np.concatenate([part[1] for part in parts])
        return summarise(probabilities, scores, self.signature.thresholds, self.signature.review)

    def features(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the backbone's pooled features float32 [N, F]; calibration needs them."""
        most = SHARE_BLOCKS * self._block // self._unit
        shares = cut(len(pixels), self._unit, self._size, most)
        return np.concatenate(self._turns.map(self._features, [pixels[share] for share in shares]))

    def close(self) -> None:
        """End the threads; the predictor is of no use afterwards."""
        self._turns.close()

    @cached_property
    def _head(self) -> FloatHead:
        """Return the head, made when the first request comes."""
        return FloatHead(self._bundle.head)

    def _check_scores(self) -> None:
        """Score the trial's images with a head that is dropped again; it must give numbers."""
        logits, scores = FloatHead(self._bundle.head).apply(self._network.trial)
        probabilities = softmax(logits / self.signature.temperature)
        if not (np.isfinite(probabilities).all() and np.isfinite(scores).all()):
            raise BundleUnreadable(f"{self._bundle.folder}: its scores are no finite numbers")

    def _classify(self, features: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Return probabilities and scores."""
        logits, scores = self._head.apply(features)
        return softmax(logits / self.signature.temperature), scores

    def _features(self, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the pooled features float32 [N, F] of ``rows``.

        An image costs the same in a block of 16 as alone, so a block that is filled up with zeros
        would cost a single image sixteen times its price. Blocks spare calls, each of which may
        have to wait for Python's lock.
        """
        whole = 0 if len(rows) <= self._most_alone else len(rows) - len(rows) % self._block
        return self._network.features(rows, whole)
