"""What a bundle costs where it serves: time for a picture, memory."""

from __future__ import annotations

import time

import numpy as np

from scoring.inference.bundle import Bundle
from scoring.inference.predictor import Predictor

ROUNDS = 9
TRIAL_BYTES = 50_000


def seconds_of(*bundles: Bundle) -> list[float]:
    """Return the seconds of a core that each takes for a picture: the best of some rounds in turns.

    A core's own time, for the machine may be busy with something else.
    """
    predictors = [Predictor(bundle, threads=1) for bundle in bundles]
    length = bundles[0].signature.input.row_length
    count = max(1, TRIAL_BYTES // length)
    pixels = np.random.default_rng(0).integers(0, 256, (count, length), np.uint8)
    best = [float("inf")] * len(bundles)
    for _ in range(ROUNDS):
        for place, predictor in enumerate(predictors):
            started = time.process_time()
            predictor.predict(pixels)
            best[place] = min(best[place], time.process_time() - started)
    for predictor in predictors:
        predictor.close()
    return [max(one, 1e-6) / count for one in best]


def size_of(bundle: Bundle) -> int:
    """Return the bytes that a bundle's network and head take."""
    head = bundle.head
    arrays = (head.kernel, head.bias, head.whitening, head.class_means)
    return len(bundle.model) + sum(array.nbytes for array in arrays)
