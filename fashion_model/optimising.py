"""What a step of the training is: the rate, the optimiser, the losses."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from fashion_model.dataset.description import Recipe, Teaching

MOMENTUM = 0.9


def learning_rate(step: int, recipe: Recipe) -> float:
    """Return the rate at ``step``: linear warm-up, then a cosine down to zero."""
    warmup = max(1, round(recipe.steps * recipe.warmup_share))
    if step < warmup:
        return recipe.peak_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, recipe.steps - warmup)
    return recipe.peak_rate * 0.5 * (1.0 + math.cos(math.pi * progress))


def make_optimizer(recipe: Recipe) -> Any:
    """Return the optimiser of ``recipe``; its rate is set at each step."""
    if recipe.adam:
        optimizer = keras.optimizers.AdamW(
            0.0, weight_decay=recipe.weight_decay, clipnorm=recipe.clip
        )
    else:
        optimizer = keras.optimizers.SGD(
            0.0, momentum=MOMENTUM, nesterov=True, weight_decay=recipe.weight_decay,
            clipnorm=recipe.clip,
        )  # fmt: skip
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def losses_of(
    logits: Any, labels: Any, taught: Any, teaching: Teaching | None, smoothing: float = 0.0
) -> Any:
    """Return each image's loss [N] in nats."""
    hard = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    if smoothing:
        even = -tf.reduce_mean(tf.nn.log_softmax(logits), axis=1)
        hard = (1.0 - smoothing) * hard + smoothing * even
    if teaching is None:
        return hard
    softness = teaching.temperature
    answers = tf.nn.softmax(taught / softness)
    soft = tf.nn.softmax_cross_entropy_with_logits(answers, logits / softness)
    # Softening divides the gradient by the square of the temperature.
    return teaching.share * softness**2 * soft + (1.0 - teaching.share) * hard
