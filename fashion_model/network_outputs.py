"""What a float network makes of many images."""

from __future__ import annotations

import functools
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fashion_model.dataset.readers import LabelledImages

EVALUATION_BATCH = 250
# Pixels that are looked at in one go: a few photographs have as many as 250 garments.
EVALUATION_PIXELS = 1_600_000


def measure(network: keras.Model, data: LabelledImages) -> tuple[float, float]:
    """Return mean cross-entropy (nats) and accuracy (0-1) of ``network`` on ``data``."""
    logits = predict_logits(network, data.images)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_likelihood = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    chosen = log_likelihood[np.arange(len(data)), data.labels]
    return float(-chosen.mean()), float((logits.argmax(axis=1) == data.labels).mean())


def predict_logits(network: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return logits float64 [N, K] for ``images`` uint8 [N, H, W, C]."""
    return outputs_of(network, images).astype(np.float64)


def outputs_of(network: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what ``network`` makes of ``images`` uint8 [N, H, W, C], float32 [N, ...]."""
    size = max(1, min(EVALUATION_BATCH, EVALUATION_PIXELS // math.prod(images.shape[1:3])))
    run = _compiled(network)
    parts = [
        run(tf.constant(images[start : start + size].astype(np.float32))).numpy()
        for start in range(0, len(images), size)
    ]
    return np.concatenate(parts)


@functools.lru_cache(maxsize=2)
def _compiled(network: keras.Model) -> Any:
    images = tf.TensorSpec((None, *network.input_shape[1:]), tf.float32)
    return tf.function(lambda batch: network(batch, training=False), input_signature=[images])
