"""Random cut-outs of photographs."""

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from fashion_model.dataset.description import Crops
from fashion_model.photographs.crops import cut_out

PLAN = Crops(side=28, source_side=32)
# One change at a time is looked at with all others off; mirroring is never off.
STILL = Crops(
    side=32, source_side=32, smallest_area=1.0, stretch=0.0, turn=0.0, saturation=0.0,
    contrast=0.0, brightness=0.0, tint=0.0, hole_share=0.0,
)  # fmt: skip


def photographs(count: int = 4, seed: int = 0) -> NDArray[np.uint8]:
    """Return pictures uint8 [count, 32, 32, 3] of coarse squares."""
    cells = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return cells.repeat(4, 1).repeat(4, 2)


def test_cut_outs_have_the_size_of_the_network() -> None:
    cut = cut_out(photographs(), PLAN, np.random.default_rng(0))
    assert cut.shape == (4, 28, 28, 3)
    assert cut.dtype == np.uint8


def test_the_generator_decides_and_nothing_else() -> None:
    images = photographs()
    first = cut_out(images, PLAN, np.random.default_rng(5))
    assert np.array_equal(first, cut_out(images, PLAN, np.random.default_rng(5)))
    assert not np.array_equal(first, cut_out(images, PLAN, np.random.default_rng(6)))
    assert np.array_equal(images, photographs())


def test_with_nothing_to_change_half_are_mirrored() -> None:
    images = photographs(200)
    cut = cut_out(images, STILL, np.random.default_rng(0))
    same = (cut == images).all(axis=(1, 2, 3))
    mirrored = (cut == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same | mirrored).all()
    assert 60 < mirrored.sum() < 140


@pytest.mark.parametrize(
    "change",
    [
        {"smallest_area": 0.45}, {"stretch": 0.2}, {"turn": 8.0}, {"saturation": 0.4},
        {"contrast": 0.25}, {"brightness": 25.0}, {"tint": 0.07}, {"hole_share": 1.0},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_each_change_changes_something(change: dict[str, float]) -> None:
    images = photographs()
    plan = dataclasses.replace(STILL, **change)  # type: ignore[arg-type]
    for one, cut in zip(images, cut_out(images, plan, np.random.default_rng(1)), strict=True):
        assert not np.array_equal(cut, one)
        assert not np.array_equal(cut, one[:, ::-1])


def test_a_cut_out_shows_at_least_the_smallest_area() -> None:
    """Two ramps tell where a pixel of the cut-out was: the corners say how much it shows."""
    ramp = np.arange(32, dtype=np.uint8) * 8
    picture = np.stack([*np.meshgrid(ramp, ramp), np.zeros((32, 32))], axis=2).astype(np.uint8)
    plan = dataclasses.replace(STILL, smallest_area=0.45)
    cut = cut_out(np.stack([picture] * 100), plan, np.random.default_rng(2)).astype(float)
    wide = np.abs(cut[:, 16, 31, 0] - cut[:, 16, 0, 0]) / 248
    tall = np.abs(cut[:, 31, 16, 1] - cut[:, 0, 16, 1]) / 248
    assert (wide * tall).min() > 0.42
    assert (wide * tall).max() < 1.01
    assert (wide * tall).std() > 0.1


def test_a_hole_is_one_colour_of_the_wanted_size() -> None:
    plan = dataclasses.replace(STILL, hole_share=1.0, hole_sides=(0.5, 0.5))
    images = np.zeros((20, 32, 32, 3), np.uint8)
    for cut in cut_out(images, plan, np.random.default_rng(3)):
        covered = (cut != 0).any(axis=2)
        assert covered.sum() == 16 * 16
        assert len(np.unique(cut[covered], axis=0)) == 1
