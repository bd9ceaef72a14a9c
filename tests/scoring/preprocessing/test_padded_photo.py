"""``photo`` 2: the whole picture, squeezed a little at most, in the middle of grey."""

import io
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from scoring.preprocessing.decode import DecodeLimits, TooManyPixels, checked_header, decode_color
from scoring.preprocessing.formats import Header
from scoring.preprocessing.photo import PaddedPhoto
from scoring.preprocessing.registry import find
from tests.scoring.preprocessing.image_files import (
    Array,
    encoded,
    jpeg_with_exif,
    png,
    png_with_exif,
    scene,
    tiff,
    webp_with_exif,
)

LIMITS = DecodeLimits(max_pixels=4_000_000, max_bytes=20_000_000)
IMAGES = Path(__file__).parents[2] / "data" / "images"
GREY = 124
RED = (220, 40, 60)
LOSSLESS = (".png", ".bmp", ".tiff", ".webp")
FULL_QUALITY = {".webp": (cv2.IMWRITE_WEBP_QUALITY, 101)}

sides = st.integers(1, 500)
targets = st.sampled_from([(224, 224), (64, 64), (33, 33), (60, 45), (45, 60), (10, 90), (1, 1)])


def photo(data: bytes, height: int = 64, width: int = 64) -> Array:
    pixels = find("photo", 2)(data, (height, width, 3), LIMITS)
    assert pixels.values.dtype == np.uint8
    assert pixels.values.shape == (height * width * 3,)
    assert pixels.values.flags.c_contiguous
    assert pixels.review is None
    return pixels.values.reshape(height, width, 3)


def plain(height: int, width: int, suffix: str = ".png") -> bytes:
    """A picture of one colour."""
    pixels = np.full((height, width, 3), RED[::-1], np.uint8)
    return encoded(pixels, suffix, *FULL_QUALITY.get(suffix, ()))


def by_the_rule(height: int, width: int, side: int) -> tuple[int, int]:
    """What networks were trained on: the definition for a square, word by word."""
    ratio = max(height, width) / min(height, width)
    keep = max(1, ratio / (4 / 3))
    short = max(1, round(side / keep))
    return (side, short) if height >= width else (short, side)


def inner(pixels: Array) -> tuple[slice, slice]:
    """Where the picture lies: whatever rows and columns are not all grey."""
    shown = (pixels != GREY).any(2)
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def turned(pixels: Array, orientation: int) -> Array:
    """Turn upright pixels into what a camera stores with this orientation (CIPA DC-008)."""
    stored = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.swapaxes(0, 1),
        6: np.rot90(pixels),
        7: pixels[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(pixels, -1),
    }
    return np.ascontiguousarray(stored[orientation])


@given(height=sides, width=sides, target=targets, suffix=st.sampled_from(LOSSLESS))
@example(height=1, width=1, target=(224, 224), suffix=".png")
@example(height=533, width=400, target=(224, 224), suffix=".png")
@example(height=1, width=10_000, target=(224, 224), suffix=".png")
@example(height=10_000, width=1, target=(64, 64), suffix=".bmp")
@example(height=300, width=400, target=(45, 60), suffix=".png")
def test_grey_is_around_the_picture_and_nowhere_else(
    height: int, width: int, target: tuple[int, int], suffix: str
) -> None:
    pixels = photo(plain(height, width, suffix), *target)
    rows, columns = inner(pixels)
    own_height, own_width = rows.stop - rows.start, columns.stop - columns.start
    assert (pixels[rows, columns] == RED).all()
    assert own_height == target[0] or own_width == target[1]
    assert (rows.start, columns.start) == (
        (target[0] - own_height) // 2,
        (target[1] - own_width) // 2,
    )
    if target[0] == target[1]:
        assert (own_height, own_width) == by_the_rule(height, width, target[0])


@given(height=sides, width=sides, target=targets)
def test_aspect_changes_by_a_third_at_most_and_no_more_than_it_must(
    height: int, width: int, target: tuple[int, int]
) -> None:
    rows, columns = inner(photo(plain(height, width), *target))
    own = (rows.stop - rows.start, columns.stop - columns.start)
    longer = 0 if height * target[1] >= width * target[0] else 1
    ratio = Fraction(height * target[1], width * target[0]) ** (1 - 2 * longer)
    shorter = 1 - longer
    ideal = min(Fraction(target[shorter]), Fraction(4, 3) * target[shorter] / ratio)
    assert own[longer] == target[longer]
    assert abs(own[shorter] - max(ideal, Fraction(1))) <= Fraction(1, 2)


@given(
    height=st.integers(40, 500),
    width=st.integers(40, 500),
    target=st.sampled_from([(224, 224), (60, 45), (64, 64)]),
    suffix=st.sampled_from([*LOSSLESS, ".jpg"]),
)
def test_nothing_is_cut_off(height: int, width: int, target: tuple[int, int], suffix: str) -> None:
    """Each corner has its own colour, to its last pixel."""
    corners = ((250, 10, 10), (10, 250, 10), (10, 10, 250), (250, 250, 10))
    picture = np.zeros((height, width, 3), np.uint8)
    rows = (slice(None, height // 2), slice(height // 2, None))
    columns = (slice(None, width // 2), slice(width // 2, None))
    places = [(0, 0), (0, 1), (1, 0), (1, 1)]
    for colour, (down, across) in zip(corners, places, strict=True):
        picture[rows[down], columns[across]] = colour[::-1]
    flags = FULL_QUALITY.get(suffix, (cv2.IMWRITE_JPEG_QUALITY, 95) if suffix == ".jpg" else ())
    pixels = photo(encoded(picture, suffix, *flags), *target)
    shown = pixels[inner(photo(plain(height, width), *target))]
    for colour, (down, across) in zip(corners, places, strict=True):
        np.testing.assert_allclose(shown[-down, -across], colour, atol=12)


@settings(max_examples=60)
@given(
    height=st.integers(1, 900),
    width=st.integers(1, 900),
    side=st.sampled_from([32, 64, 224]),
    orientation=st.integers(1, 8),
    seed=st.integers(0, 3),
)
@example(height=533, width=400, side=224, orientation=1, seed=0)
@example(height=400, width=533, side=224, orientation=6, seed=0)
@example(height=2000, width=30, side=64, orientation=8, seed=0)
def test_a_reduced_jpeg_looks_as_the_whole_one(
    height: int, width: int, side: int, orientation: int, seed: int
) -> None:
    # No finer than the model's pixels: what is finer any two ways of shrinking show differently.
    picture = cv2.resize(scene(24, 24, seed), (width, height), interpolation=cv2.INTER_CUBIC)
    data = jpeg_with_exif(encoded(np.asarray(picture, np.uint8), ".jpg"), orientation)
    whole = PaddedPhoto(reduced=False)(data, (side, side, 3), LIMITS).values.astype(int)
    reduced = PaddedPhoto()(data, (side, side, 3), LIMITS).values
    assert np.abs(reduced - whole).mean() < 2
    assert np.abs(reduced - whole).max() < 60


@settings(max_examples=60)
@given(
    height=st.integers(1, 1_200),
    width=st.integers(1, 1_200),
    needed=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    orientation=st.integers(1, 8),
)
@example(height=533, width=400, needed=(224, 224), orientation=1)
@example(height=1_000, width=300, needed=(200, 250), orientation=6)
def test_a_jpeg_is_decoded_no_smaller_than_needed(
    height: int, width: int, needed: tuple[int, int], orientation: int
) -> None:
    plate = encoded(np.full((height, width), 90, np.uint8), ".jpg")
    data = jpeg_with_exif(plate, orientation)
    header = checked_header(data, LIMITS)
    whole = decode_color(data, header, 255).shape[:2]
    assert whole == header.upright == ((width, height) if orientation >= 5 else (height, width))
    decoded = decode_color(data, header, 255, needed).shape[:2]
    enough = [
        (-(-whole[0] * n // 8), -(-whole[1] * n // 8))
        for n in (1, 2, 3, 4, 5, 6)
        if -(-whole[0] * n // 8) >= needed[0] and -(-whole[1] * n // 8) >= needed[1]
    ]
    assert decoded == (enough[0] if enough else whole)


def test_a_jpeg_that_only_opencv_reads_is_no_smaller_either() -> None:
    """Chroma of a third: it comes at halves, quarters and eighths alone."""
    data = (IMAGES / "chroma_of_a_third.jpg").read_bytes()
    header = checked_header(data, LIMITS)
    for eighths, comes in ((1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (6, 8)):
        needed = (header.height * eighths // 8, header.width * eighths // 8)
        decoded = decode_color(data, header, 255, needed)
        assert decoded.shape == (header.height * comes // 8, header.width * comes // 8, 3)
    assert photo(data, 30, 20).shape == (30, 20, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(300, 200), (90, 400), (20, 30)])
def test_orientation_is_that_of_turned_pixels(orientation: int, size: tuple[int, int]) -> None:
    upright = scene(*size)
    stored = turned(upright, orientation)
    wanted = photo(encoded(upright, ".png"), 64, 48)
    kinds = (
        png_with_exif(encoded(stored, ".png"), orientation),
        webp_with_exif(
            encoded(stored, ".webp", *FULL_QUALITY[".webp"]),
            orientation,
            stored.shape[1],
            stored.shape[0],
        ),
        tiff(np.ascontiguousarray(stored[:, :, ::-1]), orientation),
    )
    for data in kinds:
        np.testing.assert_array_equal(photo(data, 64, 48), wanted)
    shot = jpeg_with_exif(encoded(stored, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 98), orientation)
    assert np.abs(photo(shot, 64, 48).astype(int) - wanted).mean() < 4


def test_a_picture_of_the_right_size_is_itself() -> None:
    np.testing.assert_array_equal(photo(encoded(scene(64, 64), ".png")), scene(64, 64)[:, :, ::-1])


def test_a_larger_one_is_averaged() -> None:
    cells = scene(640, 640)[:, :, ::-1].reshape(64, 10, 64, 10, 3).mean((1, 3))
    np.testing.assert_allclose(photo(encoded(scene(640, 640), ".png")), cells, atol=0.51)


def test_transparent_is_white_and_padding_is_grey_still() -> None:
    pixels = photo(encoded(np.zeros((20, 90, 4), np.uint8), ".png"))
    assert np.unique(pixels).tolist() == [GREY, 255]
    half = np.full((40, 40, 4), (0, 0, 0, 128), np.uint8)
    assert np.unique(photo(encoded(half, ".png"))).tolist() == [127]


def test_sixteen_bits_grey_and_palette_are_what_they_show() -> None:
    levels = scene(70, 70)
    wanted = photo(encoded(levels, ".png"))
    deep = encoded(levels.astype(np.uint16) * 257, ".png")
    np.testing.assert_array_equal(photo(deep), wanted)
    grey = photo(encoded(levels[:, :, 0], ".png"))
    assert (grey == grey[:, :, :1]).all()
    palette = Image.fromarray(levels[:, :, ::-1]).quantize(64)
    file = io.BytesIO()
    palette.save(file, "PNG")
    shown = encoded(np.ascontiguousarray(np.asarray(palette.convert("RGB"))[:, :, ::-1]), ".png")
    np.testing.assert_array_equal(photo(file.getvalue()), photo(shown))
    one_bit = png(8, 8, 1, 0, b"\xf0" * 4 + b"\x0f" * 4)
    assert set(np.unique(photo(one_bit, 8, 8))) == {0, 255}


def test_cmyk_has_colours() -> None:
    data = (IMAGES / "cmyk.jpg").read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "CMYK"
        by_pillow = np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])
    difference = photo(data).astype(int) - photo(encoded(by_pillow, ".png"))
    assert np.abs(difference).mean() < 6


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif"])
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (10_000, 1), (1, 10_000), (3, 20_000)])
def test_tiny_and_endless_pictures_have_a_place(suffix: str, size: tuple[int, int]) -> None:
    pixels = photo(encoded(np.full((*size, 3), 255, np.uint8), suffix), 224, 224)
    rows, columns = inner(pixels)
    assert (rows.stop - rows.start, columns.stop - columns.start) == by_the_rule(*size, 224)
    np.testing.assert_allclose(pixels[rows, columns], 255, atol=3)


def test_of_several_pictures_the_first_is_shown_and_the_rest_noted() -> None:
    frames = [Image.fromarray(scene(seed=seed)) for seed in (1, 2)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    shape = (64, 64, 3)
    assert find("photo", 2)(file.getvalue(), shape, LIMITS).note == "first picture of several"
    assert find("photo", 1)(file.getvalue(), shape, LIMITS).note == "first picture of several"


def test_limits_are_those_of_the_whole_picture() -> None:
    """Also where a JPEG would be decoded at an eighth: the header's size counts."""
    few = DecodeLimits(max_pixels=100 * 100, max_bytes=10**6)
    with pytest.raises(TooManyPixels):
        find("photo", 2)(plain(101, 100, ".jpg"), (8, 8, 3), few)
    reserved: list[tuple[int, int]] = []
    counted = DecodeLimits(10**6, 10**6, lambda *asked: reserved.append(asked))
    find("photo", 2)(plain(101, 100, ".jpg"), (8, 8, 3), counted)
    assert reserved == [(101 * 100, 6)]


def test_a_wrong_shape_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="three channels"):
        find("photo", 2)(plain(9, 9), (28, 28, 1), LIMITS)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_header_knows_the_upright_size(orientation: int) -> None:
    upright = Header("jpeg", width=30, height=20, orientation=orientation).upright
    assert upright == ((30, 20) if orientation >= 5 else (20, 30))
