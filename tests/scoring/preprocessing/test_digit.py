import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.preprocessing.decode import DecodeError, DecodeLimits
from scoring.preprocessing.pixels import UNCONTROLLED_BACKGROUND, Pixels
from scoring.preprocessing.registry import find
from tests.scoring.preprocessing.image_files import Array, encoded

LIMITS = DecodeLimits(max_pixels=4_000_000, max_bytes=4_000_000)
SHAPE = (28, 28, 1)


def preprocess(data: bytes) -> Pixels:
    return find("digit", 1)(data, SHAPE, LIMITS)


def digit(data: bytes) -> Array:
    pixels = preprocess(data)
    assert pixels.values.shape == (784,)
    assert pixels.values.dtype == np.uint8
    assert pixels.review is None
    return pixels.values.reshape(28, 28)


def written(pen: int = 24, side: int = 400) -> Array:
    """Write a seven with a foot: dark on white paper, (side, side)."""
    page = np.full((side, side), 250, np.uint8)
    line = np.array([(110, 100), (260, 100), (170, 320), (230, 320)]) * side // 400
    cv2.polylines(page, [line.astype(np.int32)], False, 40, pen, cv2.LINE_AA)
    return page


def centre_of_mass(small: Array) -> tuple[float, float]:
    weights = small.astype(float)
    index = np.arange(28)
    return (
        float((weights.sum(1) @ index) / weights.sum()),
        float((weights.sum(0) @ index) / weights.sum()),
    )


def test_a_written_digit_fits_the_box_about_its_centre_of_mass() -> None:
    small = digit(encoded(written(), ".png"))
    rows, columns = np.flatnonzero(small.any(1)), np.flatnonzero(small.any(0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    np.testing.assert_allclose(centre_of_mass(small), (14, 14), atol=0.51)
    assert small.max() == 255
    assert 0 < np.count_nonzero((small > 0) & (small < 255))


def test_the_place_on_the_paper_and_the_polarity_do_not_matter() -> None:
    expected = digit(encoded(written(), ".png"))
    moved = np.pad(written(), ((0, 130), (90, 0)), constant_values=250)
    for page in (255 - written(), moved):
        difference = digit(encoded(page, ".png")).astype(int) - expected
        assert np.abs(difference).mean() < 6


@pytest.mark.slow
@settings(deadline=None)
@given(st.tuples(*[st.floats(0.5, 1)] * 4), st.integers(60, 95), st.integers(0, 99))
def test_uneven_light_noise_and_compression_hardly_matter(
    light: tuple[float, float, float, float], quality: int, seed: int
) -> None:
    page = written()
    falling = cv2.resize(np.array(light).reshape(2, 2), page.shape, interpolation=cv2.INTER_LINEAR)
    noise = np.random.default_rng(seed).normal(0, 3, page.shape)
    photo = np.clip(page * falling + noise, 0, 255).astype(np.uint8)
    difference = digit(encoded(photo, ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality)).astype(
        int
    ) - digit(encoded(page, ".png"))
    assert np.abs(difference).mean() < 8


def test_a_fine_pen_is_not_washed_out_and_specks_are_left_out() -> None:
    fine = written(pen=3)
    small = digit(encoded(fine, ".png"))
    assert np.count_nonzero(small > 200) > 25
    fine[30:34, 350:354] = 60
    np.testing.assert_allclose(digit(encoded(fine, ".png")), small, atol=40)


@settings(deadline=None)
@given(st.integers(28, 500), st.sampled_from([".png", ".bmp", ".tiff"]))
def test_mnists_form_and_its_negative_pass_unchanged(size: int, suffix: str) -> None:
    small = digit(encoded(written(), ".png"))
    large = cv2.resize(small, (size, size), interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    np.testing.assert_array_equal(digit(encoded(large, suffix)), small)
    np.testing.assert_array_equal(digit(encoded(255 - large, suffix)), small)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_paper_is_nothing(level: int) -> None:
    assert digit(encoded(np.full((90, 120), level, np.uint8), ".png")).max() == 0


def test_a_page_full_of_marks_is_flagged() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    page = cv2.resize(noise, (400, 400), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    assert preprocess(encoded(page, ".png")).review == UNCONTROLLED_BACKGROUND


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 300), (2, 3), (27, 28)])
def test_any_size_gives_pixels(height: int, width: int) -> None:
    page = np.tile(np.arange(width, dtype=np.uint8), (height, 1))
    assert preprocess(encoded(page, ".png")).values.size == 784


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_raise_only_decode_errors(data: bytes) -> None:
    with pytest.raises(DecodeError):
        preprocess(data)
