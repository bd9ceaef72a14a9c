"""The small parts of training, against values that can be worked out."""

import numpy as np
import pytest

from fashion_model.augment import augment
from fashion_model.calibrate import fit_temperature
from fashion_model.dataset.description import Augmentation
from fashion_model.infobatch import SamplePruner
from fashion_model.metrics import (
    auroc,
    confidence_threshold,
    confusion_matrix,
    expected_calibration_error,
)

STILL = Augmentation(shift=0, flip=False, erase_share=0.0, tone_share=0.0, resample_share=0.0)


def pictures(count: int = 12, side: int = 28, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, side, side, channels), np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_augmentation_keeps_shape_and_original(channels: int) -> None:
    images = pictures(channels=channels)
    before = images.copy()
    changed = augment(images, Augmentation(), np.random.default_rng(0))
    assert changed.shape == images.shape
    assert changed.dtype == np.uint8
    assert np.array_equal(images, before)
    assert not np.array_equal(changed, images)


def test_augmentation_repeats_with_its_seed() -> None:
    once, again, other = (
        augment(pictures(), Augmentation(), np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_augmentation_can_do_nothing() -> None:
    images = pictures()
    assert np.array_equal(augment(images, STILL, np.random.default_rng(0)), images)


def test_pruning_is_unbiased() -> None:
    pruner = SamplePruner(2000, share=0.6)
    losses = np.random.default_rng(0).exponential(size=2000).astype(np.float32)
    pruner.record(np.arange(2000), losses)
    random, totals = np.random.default_rng(1), []
    for _ in range(300):
        index, weights = pruner.plan(random)
        assert len(np.unique(index)) == len(index) < 2000
        totals.append((weights * losses[index]).sum())
    assert np.mean(totals) == pytest.approx(losses.sum(), rel=0.01)


def test_nothing_is_pruned_at_first_or_at_the_end() -> None:
    pruner = SamplePruner(100, share=0.6)
    random = np.random.default_rng(0)
    assert len(pruner.plan(random)[0]) == 100
    pruner.record(np.arange(50), np.zeros(50, np.float32))
    assert len(pruner.plan(random)[0]) < 100
    index, weights = pruner.plan(random, everything=True)
    assert sorted(index.tolist()) == list(range(100))
    assert (weights == 1.0).all()


def test_calibration_error() -> None:
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    right = np.array([True, True, True, False])
    assert expected_calibration_error(confidence, right) == pytest.approx(0.05)
    assert expected_calibration_error(np.array([1.0]), np.array([True])) == 0.0


@pytest.mark.parametrize(
    ("usual", "unusual", "area"),
    [([1, 2, 3], [4, 5], 1.0), ([4, 5], [1, 2], 0.0), ([1, 1], [1, 1], 0.5), ([1, 3], [2], 0.5)],
)
def test_auroc(usual: list[float], unusual: list[float], area: float) -> None:
    assert auroc(np.array(usual, float), np.array(unusual, float)) == area


def test_threshold_is_the_lowest_that_keeps_the_promise() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    assert confidence_threshold(confidence, np.array([True, True, True, False]), 0.99) == 0.7
    assert confidence_threshold(confidence, np.array([False, False, False, False]), 0.99) == 1.0


def test_confusion_counts_true_classes_in_rows() -> None:
    counts = confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    assert counts.tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
def test_temperature_is_found_again(true: float) -> None:
    random = np.random.default_rng(0)
    honest = random.normal(size=(5_000, 4)) * 1.5
    noise = random.gumbel(size=honest.shape)
    labels = (honest + noise).argmax(axis=1)
    assert fit_temperature(honest * true, labels) == pytest.approx(true, rel=0.05)
