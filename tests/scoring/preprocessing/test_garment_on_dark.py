import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scoring.preprocessing.decode import DecodeError, DecodeLimits
from scoring.preprocessing.registry import find
from tests.scoring.preprocessing.image_files import (
    Array,
    encoded,
    jpeg_with_exif,
    png_with_exif,
    scene,
)

LIMITS = DecodeLimits(max_pixels=4_000_000, max_bytes=4_000_000)
SHAPE = (28, 28, 1)
small_images = hnp.arrays(np.uint8, (28, 28))


def garment(data: bytes) -> Array:
    pixels = find("garment", 1)(data, SHAPE, LIMITS)
    assert pixels.values.shape == (784,)
    assert pixels.values.dtype == np.uint8
    assert pixels.values.flags["C_CONTIGUOUS"]
    assert pixels.review is None
    return pixels.values.reshape(28, 28)


@settings(deadline=None)
@given(small_images, st.sampled_from([".png", ".bmp", ".tiff"]))
def test_an_image_in_the_data_sets_form_is_itself(small: Array, suffix: str) -> None:
    np.testing.assert_array_equal(garment(encoded(small, suffix)), small)
    as_colour = np.dstack([small] * 3)
    np.testing.assert_array_equal(garment(encoded(as_colour, suffix)), small)
    with_alpha = np.dstack([as_colour, np.full((28, 28), 255, np.uint8)])
    np.testing.assert_array_equal(garment(encoded(with_alpha, ".png")), small)


@pytest.mark.parametrize("size", [280, 761])
def test_an_enlarged_image_gives_back_its_pixels(size: int) -> None:
    small = cv2.resize(scene()[:, :, 0], (28, 28)).astype(np.uint8)
    large = cv2.resize(small, (size, size), interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    np.testing.assert_array_equal(garment(encoded(large, ".png")), small)
    np.testing.assert_array_equal(garment(encoded(np.dstack([large] * 3), ".webp", 64, 101)), small)


def test_any_other_square_is_averaged_by_area() -> None:
    large = scene(280, 280)[:, :, 0]
    cells = large.reshape(28, 10, 28, 10).mean((1, 3))
    np.testing.assert_allclose(garment(encoded(large, ".png")), cells, atol=0.51)


def test_a_tall_image_is_padded_with_black_to_its_middle() -> None:
    result = garment(encoded(np.full((280, 140), 200, np.uint8), ".png"))
    assert result[:, :7].max() == 0
    assert result[:, 21:].max() == 0
    assert result[:, 7:21].min() == 200


def test_transparent_is_black() -> None:
    clear = np.full((280, 280, 4), (200, 200, 200, 0), np.uint8)
    assert garment(encoded(clear, ".png")).max() == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_mark_turns_the_result(orientation: int) -> None:
    upright = encoded(scene(), ".png")
    turn = garment(png_with_exif(upright, orientation))
    plain = garment(upright)
    as_seen = {
        1: plain,
        2: plain[:, ::-1],
        3: np.rot90(plain, 2),
        4: plain[::-1],
        5: plain.T,
        6: np.rot90(plain, 3),
        7: np.rot90(plain, 2).T,
        8: np.rot90(plain),
    }[orientation]
    np.testing.assert_allclose(turn, as_seen, atol=1)
    photo = encoded(scene(), ".jpg")
    mirrored = garment(jpeg_with_exif(photo, 2))
    np.testing.assert_allclose(mirrored, garment(photo)[:, ::-1], atol=1)


def test_a_wrong_shape_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="square grey"):
        find("garment", 1)(encoded(scene(), ".png"), (28, 28, 3), LIMITS)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_raise_only_decode_errors(data: bytes) -> None:
    with pytest.raises(DecodeError):
        garment(data)
