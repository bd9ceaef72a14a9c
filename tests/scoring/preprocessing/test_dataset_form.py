import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as Pillow

from scoring.preprocessing.dataset_form import all_originals, original_pixels
from tests.scoring.preprocessing.image_files import Array

SIDE = 28
small_images = hnp.arrays(np.uint8, (SIDE, SIDE))
sizes = st.integers(SIDE, 900)


def enlarged(small: Array, cell_of: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Array:
    return small[np.ix_(cell_of, cell_of)]


def corner_based(small: Array, size: int) -> Array:
    return enlarged(small, np.arange(size) * SIDE // size)


def centre_based(small: Array, size: int) -> Array:
    return enlarged(small, (2 * np.arange(size) + 1) * SIDE // (2 * size))


def by_opencv(small: Array, size: int, how: int = cv2.INTER_NEAREST) -> Array:
    return np.asarray(cv2.resize(small, (size, size), interpolation=how), np.uint8)


def by_opencv_exact(small: Array, size: int) -> Array:
    return by_opencv(small, size, cv2.INTER_NEAREST_EXACT)


def by_pillow(small: Array, size: int) -> Array:
    whole = Pillow.fromarray(small).resize((size, size), Pillow.Resampling.NEAREST)
    return np.asarray(whole, np.uint8)


def ends_aligned(small: Array, size: int) -> Array:
    """SciPy's: the first and the last pixel keep theirs; halves as floating point has it."""
    place = np.arange(size) * ((SIDE - 1) / (size - 1))
    return enlarged(small, np.floor(place + 0.5).astype(np.intp))


ENLARGERS = {
    "OpenCV": by_opencv,
    "OpenCV, exact": by_opencv_exact,
    "Pillow": by_pillow,
    "corners": corner_based,
    "centres": centre_based,
    "ends": ends_aligned,
}


def assert_recognised(large: Array, small: Array) -> None:
    found = original_pixels(large, SIDE)
    assert found is not None
    np.testing.assert_array_equal(found, small)


def spotted(row: int, column: int) -> Array:
    small = np.zeros((SIDE, SIDE), np.uint8)
    small[row, column] = 1
    return small


@pytest.mark.slow
@settings(deadline=None)
@given(small_images, sizes)
@example(np.zeros((SIDE, SIDE), np.uint8), 29)
@example(spotted(0, 0), 29)
@example(spotted(14, 14), 29)
@example(spotted(13, 1), 30)
@example(spotted(27, 27), 55)
@example(spotted(13, 13), 751)
def test_an_enlargement_by_any_convention_gives_back_its_pixels(small: Array, size: int) -> None:
    """Where two conventions fit, what is found still is such a picture: it rebuilds the file."""
    for name, enlarge in ENLARGERS.items():
        large = enlarge(small, size)
        originals = list(all_originals(large, SIDE))
        assert any(np.array_equal(original, small) for original in originals), name
        found = original_pixels(large, SIDE)
        assert found is not None
        assert any(np.array_equal(again(found, size), large) for again in ENLARGERS.values())
        if all(np.array_equal(original, originals[0]) for original in originals):
            np.testing.assert_array_equal(found, small)


@settings(deadline=None)
@given(small_images, sizes)
@example(spotted(14, 14), 29)
def test_the_commonest_program_is_believed_first(small: Array, size: int) -> None:
    assert_recognised(by_opencv(small, size), small)


def test_an_ambiguous_picture_is_one() -> None:
    """Two different small pictures, one large one: the test above must not ask for more."""
    ambiguous = [
        row
        for row in range(SIDE)
        if len({o.tobytes() for o in all_originals(centre_based(spotted(row, row), 29), SIDE)}) > 1
    ]
    assert ambiguous


@pytest.mark.parametrize("size", [280, 761, 29, 55, 36, 50])
def test_known_awkward_sizes(size: int) -> None:
    small = np.random.default_rng(size).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    large = cv2.resize(small, (size, size), interpolation=cv2.INTER_NEAREST)
    assert_recognised(np.asarray(large, np.uint8), small)


@pytest.mark.slow
@settings(deadline=None)
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
