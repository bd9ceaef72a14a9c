from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scoring.preprocessing.decode import DecodeError, DecodeLimits
from scoring.preprocessing.pixels import UNCONTROLLED_BACKGROUND, Pixels
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
LOSSLESS = [".png", ".bmp", ".tiff"]


def preprocess(data: bytes) -> Pixels:
    return find("garment", 2)(data, SHAPE, LIMITS)


def garment(data: bytes) -> Array:
    pixels = preprocess(data)
    assert pixels.values.shape == (784,)
    assert pixels.values.dtype == np.uint8
    assert pixels.review is None
    return pixels.values.reshape(28, 28)


def boot(height: int = 300, width: int = 246, margin: int = 40, background: int = 255) -> Array:
    """Draw a dark boot, different from every side, on a light page; (height, width, 3)."""
    page = np.full((height, width, 3), background, np.uint8)
    right, bottom = width - margin, height - margin
    cv2.rectangle(page, ((margin + right) // 2, margin), (right - 1, bottom - 1), (60, 40, 30), -1)
    cv2.rectangle(page, (margin, (margin + bottom) // 2), (right - 1, bottom - 1), (90, 40, 30), -1)
    return page


def filling(inner: Array) -> Array:
    """Make a data-set image: dark rim, and a garment that reaches from top to bottom."""
    small = np.pad(inner, 1)
    small[[1, 26], 14] = 255
    return small


data_set_images = hnp.arrays(np.uint8, (26, 26)).map(filling)


@settings(deadline=None)
@given(data_set_images, st.sampled_from(LOSSLESS), st.integers(28, 400))
def test_the_data_sets_form_and_its_negative_give_the_same_pixels(
    small: Array, suffix: str, size: int
) -> None:
    large = cv2.resize(small, (size, size), interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    np.testing.assert_array_equal(garment(encoded(large, suffix)), small)
    np.testing.assert_array_equal(garment(encoded(255 - large, suffix)), small)
    np.testing.assert_array_equal(garment(encoded(np.dstack([large] * 3), suffix)), small)


def test_a_photograph_is_negated_trimmed_stretched_and_centred() -> None:
    result = garment(encoded(boot(), ".png"))
    assert result.max() == 255
    rows, columns = np.flatnonzero(result.any(1)), np.flatnonzero(result.any(0))
    assert (rows[0], rows[-1]) == (0, 27)
    assert (columns[0], columns[-1]) == (4, 24)  # the odd column of the extension lies left
    assert result[4, columns[0]] == 0  # beside the shaft
    assert result[24, columns[0]] > 150


@settings(deadline=None)
@given(st.tuples(*[st.integers(8, 120)] * 4), st.integers(235, 255), st.integers(80, 98))
def test_margins_background_and_compression_hardly_change_it(
    margins: tuple[int, int, int, int], background: int, quality: int
) -> None:
    top, bottom, left, right = margins
    page = boot(background=background)[40:-40, 40:-40]
    sides = ((top, bottom), (left, right), (0, 0))
    moved = np.pad(page, sides, constant_values=background)
    result = garment(encoded(moved, ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality))
    expected = garment(encoded(boot(), ".png"))
    assert np.abs(result.astype(int) - expected).mean() < 14  # of 255; one column is 9


@pytest.mark.parametrize("size", [60, 150, 1200])
def test_the_size_hardly_changes_it(size: int) -> None:
    page = cv2.resize(boot(300, 300), (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8)
    expected = garment(encoded(boot(300, 300), ".png"))
    difference = garment(encoded(page, ".png")).astype(int) - expected
    assert np.abs(difference).mean() < 8


def test_a_dark_background_is_not_negated() -> None:
    light_on_dark = garment(encoded(255 - boot(), ".png"))
    np.testing.assert_allclose(light_on_dark, garment(encoded(boot(), ".png")), atol=3)


def test_sensor_noise_does_not_widen_the_garment() -> None:
    noise = np.random.default_rng(0).normal(0, 4, boot(900, 738, 120, 245).shape)
    noisy = np.clip(boot(900, 738, 120, 245) + noise, 0, 255).astype(np.uint8)
    expected = garment(encoded(boot(900, 738, 120, 245), ".png"))
    difference = garment(encoded(noisy, ".png")).astype(int) - expected
    assert np.abs(difference).mean() < 6


def test_dust_on_the_page_does_not_widen_the_garment() -> None:
    page = boot()
    expected = garment(encoded(page, ".png"))
    page[10:13, 12:15] = 90
    page[290, 230] = 0
    np.testing.assert_array_equal(garment(encoded(page, ".png")), expected)


def test_a_small_square_with_a_grey_rim_is_not_taken_for_the_data_sets_form() -> None:
    grey = np.full((28, 28), 128, np.uint8)
    grey[8:20, 8:20] = 30
    assert preprocess(encoded(grey, ".png")).review == UNCONTROLLED_BACKGROUND


def test_transparent_is_white_and_then_negated() -> None:
    page = boot()
    alpha = np.where(page[:, :, 0] == 255, 0, 255).astype(np.uint8)
    cut_out = np.dstack([np.where(alpha[:, :, None] == 0, 7, page).astype(np.uint8), alpha])
    expected = garment(encoded(page, ".png"))
    np.testing.assert_array_equal(garment(encoded(cut_out, ".png")), expected)
    np.testing.assert_array_equal(garment(png_with_exif(encoded(cut_out, ".png"), 1)), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_mark_is_honoured(orientation: int) -> None:
    undo: dict[int, Callable[[Array], Array]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: np.rot90(a, 2),
        4: lambda a: a[::-1],
        5: lambda a: np.swapaxes(a, 0, 1),
        6: lambda a: np.rot90(a),
        7: lambda a: np.swapaxes(np.rot90(a, 2), 0, 1),
        8: lambda a: np.rot90(a, 3),
    }
    page = boot()
    stored = np.ascontiguousarray(undo[orientation](page))
    expected = garment(encoded(page, ".png"))
    np.testing.assert_array_equal(
        garment(png_with_exif(encoded(stored, ".png"), orientation)), expected
    )
    photo = garment(jpeg_with_exif(encoded(stored, ".jpg"), orientation))
    assert np.abs(photo.astype(int) - expected).mean() < 3


def test_a_background_that_cannot_be_judged_is_flagged_and_scored() -> None:
    half = boot()
    half[:, 120:] = np.where(half[:, 120:] == 255, 20, half[:, 120:])
    corner = boot()
    corner[:60, :60] = 100
    for page in (boot(background=128), half, corner, scene()):
        pixels = preprocess(encoded(page, ".png"))
        assert pixels.review == UNCONTROLLED_BACKGROUND
        assert pixels.values.max() > 0


@pytest.mark.parametrize("level", [0, 40, 128, 235, 255])
def test_a_blank_page_is_nothing(level: int) -> None:
    blank = np.full((200, 150, 3), level, np.uint8)
    assert preprocess(encoded(blank, ".png")).values.max() == 0


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 500), (500, 1), (3, 2), (28, 27)])
def test_any_size_gives_pixels(height: int, width: int) -> None:
    assert preprocess(encoded(scene(height, width), ".png")).values.size == 784


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_raise_only_decode_errors(data: bytes) -> None:
    with pytest.raises(DecodeError):
        preprocess(data)


def test_a_wrong_shape_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="square grey"):
        find("garment", 2)(encoded(boot(), ".png"), (180, 180, 3), LIMITS)
