import cv2
import numpy as np
import pytest

from scoring.preprocessing.decode import DecodeLimits
from scoring.preprocessing.photo import unfitted
from scoring.preprocessing.registry import find
from tests.scoring.preprocessing.image_files import (
    Array,
    encoded,
    jpeg_with_exif,
    png_with_exif,
    scene,
)

LIMITS = DecodeLimits(max_pixels=4_000_000, max_bytes=4_000_000)


def photo(data: bytes, height: int = 30, width: int = 20) -> Array:
    pixels = find("photo", 1)(data, (height, width, 3), LIMITS)
    assert pixels.values.shape == (height * width * 3,)
    assert pixels.values.dtype == np.uint8
    assert pixels.review is None
    return pixels.values.reshape(height, width, 3)


def test_channels_are_red_green_blue() -> None:
    red = np.full((50, 40, 3), (0, 0, 255), np.uint8)
    assert photo(encoded(red, ".png"))[5, 5].tolist() == [255, 0, 0]
    np.testing.assert_allclose(photo(encoded(red, ".jpg"))[5, 5], [255, 0, 0], atol=3)


def test_a_picture_of_the_right_size_is_itself() -> None:
    np.testing.assert_array_equal(photo(encoded(scene(30, 20), ".png")), scene(30, 20)[:, :, ::-1])


def test_a_larger_one_is_averaged_and_a_smaller_one_enlarged() -> None:
    cells = scene(300, 200)[:, :, ::-1].reshape(30, 10, 20, 10, 3).mean((1, 3))
    np.testing.assert_allclose(photo(encoded(scene(300, 200), ".png")), cells, atol=0.51)
    grey = np.full((10, 90), 77, np.uint8)
    assert np.unique(photo(encoded(grey, ".png"))).tolist() == [77]


def test_transparent_is_white() -> None:
    assert photo(encoded(np.zeros((40, 40, 4), np.uint8), ".png")).min() == 255


def test_orientation_is_honoured() -> None:
    stored = np.ascontiguousarray(np.rot90(scene(300, 200)))
    upright = photo(encoded(scene(300, 200), ".png"))
    np.testing.assert_array_equal(photo(png_with_exif(encoded(stored, ".png"), 6)), upright)
    shot = encoded(stored, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 98)
    difference = photo(jpeg_with_exif(shot, 6)).astype(int) - upright
    assert np.abs(difference).mean() < 4


def test_a_wrong_shape_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="three channels"):
        find("photo", 1)(encoded(scene(), ".png"), (28, 28, 1), LIMITS)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("height", "width"), [(533, 400), (400, 533), (300, 300), (900, 90), (90, 900), (31, 17)]
)
def test_what_the_model_saw_is_turned_back_into_the_photograph(
    version: int, height: int, width: int
) -> None:
    """Cut off its padding, squeezed back, and no larger than it was seen."""
    whole = cv2.resize(scene(12, 9), (width, height), interpolation=cv2.INTER_CUBIC)
    shape = (224, 224, 3)
    data = encoded(np.asarray(whole, np.uint8), ".png")
    pixels = find("photo", version)(data, shape, LIMITS)
    assert pixels.upright == (height, width)
    again = unfitted(pixels.values.reshape(shape), version, pixels.upright)
    assert max(again.shape[:2]) <= 224
    assert again.shape[0] / again.shape[1] == pytest.approx(height / width, rel=0.06)
    wanted = cv2.resize(whole, again.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(again[:, :, ::-1].astype(int) - wanted).mean() < 8
