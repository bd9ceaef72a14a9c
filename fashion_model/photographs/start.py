"""What the tuning of a pretrained network begins with: known weights and a fitted head."""

from __future__ import annotations

import logging
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fashion_model.dataset.description import DataError, DatasetDescription
from fashion_model.dataset.readers import LabelledImages
from fashion_model.layer_names import FEATURES, LOGITS
from fashion_model.linear_head import fit_head
from fashion_model.network import build_network
from fashion_model.network_outputs import outputs_of
from fashion_model.photographs.efficientnet import fill_with, imagenet_tensors

logger = logging.getLogger("scoring.fashion_model")
# Small: a head that fits ImageNet's features closely pulls the features the wrong way.
HEAD_FREEDOM = 0.03


def starting_weights(
    description: DatasetDescription, data: LabelledImages, known: keras.Model | None = None
) -> list[NDArray[Any]]:
    """Return the weights of the described network with a head for ``data`` and its mirror images.

    Source: Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features", arXiv 2202.10054:
    a head that fits from the first step on leaves the features what they are worth.

    Args:
        known: the network to begin with, of any classes; None for ImageNet's weights.

    Raises:
        MissingPackages: ImageNet's weights are not there.
        DataError: ``known`` is of another plan.
    """
    classes = len(description.labels)
    network = build_network(description.input, classes, description.architecture)
    if known is None:
        fill_with(imagenet_tensors(), network)
    else:
        _fill_from(known, network)
    backbone = keras.Model(network.inputs, network.get_layer(FEATURES).output)
    logger.info("fitting a first head on %d images", len(data))
    looks = (data.images, data.images[:, :, ::-1])
    features = np.concatenate([outputs_of(backbone, images) for images in looks])
    labels = np.tile(data.labels, len(looks))
    head = fit_head(features, labels, classes, HEAD_FREEDOM)
    network.get_layer(LOGITS).set_weights([head.kernel, head.bias])
    weights: list[NDArray[Any]] = network.get_weights()
    return weights


def _fill_from(known: keras.Model, network: keras.Model) -> None:
    """Put the weights of ``known`` into ``network``, all but its dense layer's."""
    try:
        for layer in network.layers:
            if layer.weights and layer.name != LOGITS:
                layer.set_weights(known.get_layer(layer.name).get_weights())
    except ValueError as error:
        raise DataError(f"the network to begin with is of another plan: {error}") from error
