import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scoring.preprocessing.dataset_form import original_pixels
from tests.scoring.preprocessing.image_files import Array

SIDE = 28
small_images = hnp.arrays(np.uint8, (SIDE, SIDE))
sizes = st.integers(SIDE, 900)


def enlarged(small: Array, cell_of: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Array:
    return small[np.ix_(cell_of, cell_of)]


def assert_recognised(large: Array, small: Array) -> None:
    found = original_pixels(large, SIDE)
    assert found is not None
    np.testing.assert_array_equal(found, small)


@settings(max_examples=60, deadline=None)
@given(small_images, sizes)
def test_an_enlargement_by_any_convention_gives_back_its_pixels(small: Array, size: int) -> None:
    pixel = np.arange(size)
    assert_recognised(enlarged(small, pixel * SIDE // size), small)
    assert_recognised(enlarged(small, (2 * pixel + 1) * SIDE // (2 * size)), small)
    for how in (cv2.INTER_NEAREST, cv2.INTER_NEAREST_EXACT):
        large = np.asarray(cv2.resize(small, (size, size), interpolation=how), np.uint8)
        assert_recognised(large, small)


@pytest.mark.parametrize("size", [280, 761, 29, 55, 36, 50])
def test_known_awkward_sizes(size: int) -> None:
    small = np.random.default_rng(size).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    large = cv2.resize(small, (size, size), interpolation=cv2.INTER_NEAREST)
    assert_recognised(np.asarray(large, np.uint8), small)


@settings(max_examples=60, deadline=None)
@given(small_images, st.integers(SIDE + 1, 300), st.data())
def test_one_changed_pixel_is_no_enlargement_or_still_rebuilds(
    small: Array, size: int, data: st.DataObject
) -> None:
    large = enlarged(small, np.arange(size) * SIDE // size).copy()
    row, column = data.draw(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)))
    large[row, column] ^= 1
    found = original_pixels(large, SIDE)
    if size >= 2 * SIDE + 1:
        assert found is None


def test_a_photograph_and_a_rectangle_are_none() -> None:
    ramp = np.add.outer(np.arange(200), np.arange(200)).astype(np.uint8)
    assert original_pixels(ramp, SIDE) is None
    assert original_pixels(np.zeros((280, 300), np.uint8), SIDE) is None
    assert original_pixels(np.zeros((20, 20), np.uint8), SIDE) is None


def test_another_side_than_28_works_alike() -> None:
    small = np.arange(64, dtype=np.uint8).reshape(8, 8)
    found = original_pixels(np.kron(small, np.ones((5, 5), np.uint8)), 8)
    assert found is not None
    np.testing.assert_array_equal(found, small)
