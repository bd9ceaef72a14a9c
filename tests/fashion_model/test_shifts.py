"""Each shift changes pictures as its name says, by its strength, and by its seed alone."""

from __future__ import annotations

import numpy as np
import pytest

from fashion_model.shifts import PIXELS, STRENGTHS, Images, imbalanced, mixed_in, shifted


def garments(count: int = 40) -> Images:
    """Return bright shapes on black, as the data set has them."""
    random = np.random.default_rng(0)
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 6:22, 8:20] = random.integers(60, 250, (count, 16, 12))
    return images


def photographs() -> Images:
    return np.random.default_rng(1).integers(0, 256, (3, 32, 24, 3), np.uint8)


@pytest.mark.parametrize("kind", PIXELS)
def test_it_grows_with_its_strength_and_is_the_same_again(kind: str) -> None:
    images = garments()
    before = images.copy()
    changes = []
    for strength in STRENGTHS:
        first, again, other = (
            shifted(images, kind, strength, np.random.default_rng(seed)) for seed in (5, 5, 6)
        )
        assert first.shape == images.shape
        assert first.dtype == np.uint8
        assert np.array_equal(first, again)
        assert other.shape == images.shape
        changes.append(float(np.abs(first.astype(int) - images).mean()))
    assert changes[0] < changes[1] < changes[2]
    assert np.array_equal(images, before)


@pytest.mark.parametrize("kind", PIXELS)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_photographs_keep_their_form(kind: str, strength: int) -> None:
    images = photographs()
    random = np.random.default_rng(0)
    changed = shifted(images, kind, strength, random)  # type: ignore[arg-type]
    assert changed.shape == images.shape
    assert changed.dtype == np.uint8


def test_some_classes_come_far_more_often() -> None:
    labels = np.arange(1_000) % 10
    counts = [
        np.bincount(labels[imbalanced(labels, 2_000, strength, np.random.default_rng(0))])
        for strength in STRENGTHS
    ]
    spreads = [float(one.max() / max(one.min(), 1)) for one in counts]
    assert 2 < spreads[0] < spreads[1] < spreads[2]


def test_a_share_of_the_rows_is_another_thing() -> None:
    shares = [mixed_in(20_000, one, np.random.default_rng(0)).mean() for one in STRENGTHS]
    assert shares == pytest.approx([0.03, 0.1, 0.3], abs=0.01)
