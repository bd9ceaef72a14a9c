"""Against values that can be worked out."""

import numpy as np
import pytest

from fashion_model.augment import augment
from fashion_model.dataset.description import Augmentation

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
