"""The networks: raw 0-255 pixels in, logits out; here the residual one.

Pixels are scaled inside the network, so everything before it stays uint8. There is no offset in
that scaling: the zeros that convolutions pad with stay the data set's own black background, and
the first batch normalisation standardises.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from fashion_model.dataset.description import (
    Architecture,
    DataError,
    DatasetDescription,
    Pretrained,
    Stage,
)
from fashion_model.layer_names import FEATURES, LOGITS
from fashion_model.photographs.efficientnet import build_efficientnet
from scoring.protocol.signature import InputSpec

NORMALISATION_MOMENTUM = 0.99


class FusedBatchNormalization(layers.BatchNormalization):  # type: ignore[misc]  # keras has no types
    """Batch normalisation in one kernel while training.

    Keras 3 computes it in a dozen steps on a CPU; the fused kernel trains the whole network 1.5
    to 1.7 times as fast. Only training uses it: exported networks carry the stock layer.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise ``inputs`` [N, H, W, C] with the batch's own statistics while training."""
        if not training:
            return super().call(inputs, training=False)
        outputs, mean, variance, *_ = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
        return outputs


def build_network(
    spec: InputSpec, classes: int, plan: Architecture | Pretrained, training: bool = False
) -> keras.Model:
    """Return the network: float [N, H, W, C] raw pixels to logits float32 [N, classes].

    Args:
        training: use the fused normalisation. Weights have the same order either way.
    """
    if isinstance(plan, Pretrained):
        return build_efficientnet(spec, classes, plan, training)
    inputs = keras.Input(spec.shape, name="pixels")
    maps = layers.Rescaling(1.0 / 255.0)(inputs)
    maps = layers.ReLU()(_convolve(maps, plan.stem, plan.stem_stride, training))
    for stage in plan.stages:
        for block in range(stage.blocks):
            maps = _block(maps, stage, stage.stride if block == 0 else 1, training)
    pooled = layers.GlobalAveragePooling2D(name=FEATURES)(maps)
    if plan.dropout:
        pooled = layers.Dropout(plan.dropout)(pooled)
    logits = layers.Dense(classes, dtype="float32", name=LOGITS)(pooled)
    return keras.Model(inputs, logits)


def read_network(path: Path) -> keras.Model:
    """Read a ``model.keras``; raises DataError where there is none that can be read."""
    if not path.is_file():
        raise DataError(f"{path}: there is no such network; a bundle may come without its own")
    try:
        return keras.models.load_model(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: there is no network that can be read: {error}") from error


def copy_weights(source: keras.Model | list[Any], target: keras.Model) -> None:
    """Copy weights, given as a network or a list of arrays, into a network of the same plan."""
    values = source.get_weights() if isinstance(source, keras.Model) else source
    target.set_weights(values)


def network_of_weights(weights: list[NDArray[Any]], description: DatasetDescription) -> keras.Model:
    """Return the description's network with ``weights``; raises DataError where they do not fit."""
    network = build_network(description.input, len(description.labels), description.architecture)
    try:
        network.set_weights(weights)
    except ValueError as error:
        raise DataError(f"these are the weights of another network than {description.name}'s"
                        f" ({len(weights)} arrays)") from error  # fmt: skip
    return network


def require_shape(network: keras.Model, description: DatasetDescription) -> None:
    """Raise DataError for a network that cannot become a bundle for the described data."""
    shapes = (None, *description.input.shape), (None, len(description.labels))
    if (network.input_shape, network.output_shape) != shapes:
        raise DataError(f"the network takes {network.input_shape} and gives {network.output_shape};"
                        f" {description.name} wants {shapes[0]} and {shapes[1]}")  # fmt: skip
    if not {FEATURES, LOGITS} <= {layer.name for layer in network.layers}:
        raise DataError(f"the network has no layers {FEATURES!r} and {LOGITS!r}: not one of ours")


def _block(maps: Any, stage: Stage, stride: int, training: bool) -> Any:
    shortcut = maps
    if stride > 1 or maps.shape[-1] != stage.filters:
        # As wide as its stride: it sees every pixel, as average pooling would, and runs as one
        # integer kernel, which pooling does not (it costs a fifth of the served rate).
        shortcut = layers.Conv2D(stage.filters, stride, stride, padding="same", use_bias=False)(
            shortcut
        )
    for number in range(stage.convolutions):
        last = number == stage.convolutions - 1
        maps = _convolve(maps, stage.filters, stride if number == 0 else 1, training, last)
        maps = maps if last else layers.ReLU()(maps)
    return layers.ReLU()(layers.Add()([shortcut, maps]))


def _convolve(maps: Any, filters: int, stride: int, training: bool, last: bool = False) -> Any:
    maps = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False)(maps)
    kind = FusedBatchNormalization if training else layers.BatchNormalization
    # A block's last scale starts at zero, so that the block starts as the identity.
    return kind(
        momentum=NORMALISATION_MOMENTUM,
        gamma_initializer="zeros" if last else "ones",
        autocast=False,
    )(maps)
