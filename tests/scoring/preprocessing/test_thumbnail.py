"""Pictures for people: what a browser shows, small, upright, and without what files say besides."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.preprocessing.errors import DecodeError
from scoring.preprocessing.pixels import DecodeLimits, Image
from scoring.preprocessing.thumbnail import (
    LONGEST,
    Thumbnail,
    near_bits,
    small_png,
    thumbnail,
    thumbnail_of,
)
from tests.scoring.preprocessing.image_files import chunk, encoded, jpeg_with_exif, scene

LIMITS = DecodeLimits(10**8, 10**8)


def decoded(picture: Thumbnail) -> Image:
    data = np.frombuffer(picture.data, np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)


@settings(max_examples=60)
@given(
    height=st.integers(1, 900),
    width=st.integers(1, 900),
    suffix=st.sampled_from([".png", ".jpg", ".bmp", ".webp"]),
)
def test_a_picture_keeps_its_form_and_is_never_longer_than_it_may_be(
    height: int, width: int, suffix: str
) -> None:
    pixels = np.full((height, width, 3), 200, np.uint8)
    made = decoded(thumbnail(encoded(pixels, suffix), LIMITS))
    longest = max(height, width)
    assert max(made.shape[:2]) <= LONGEST
    assert max(made.shape[:2]) >= min(longest, 200)
    scale = max(made.shape[:2]) / longest
    assert abs(made.shape[0] - height * scale) <= 1
    assert abs(made.shape[1] - width * scale) <= 1


@pytest.mark.parametrize(("suffix", "size"), [(".png", 100), (".png", 500), (".jpg", 500)])
def test_it_shows_what_the_file_shows(suffix: str, size: int) -> None:
    pixels = np.asarray(cv2.resize(scene(8, 8), (size, size)), np.uint8)
    made = decoded(thumbnail(encoded(pixels, suffix), LIMITS))
    wanted = cv2.resize(pixels, made.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(made[:, :, ::-1].astype(int) - wanted).mean() < 6


def test_a_photograph_of_a_phone_is_upright_and_says_nothing_of_its_place() -> None:
    pixels = np.zeros((300, 400, 3), np.uint8)
    pixels[:, :200] = 255
    data = jpeg_with_exif(encoded(pixels, ".jpg"), 6)  # to be turned clockwise
    made = thumbnail(data, LIMITS)
    assert b"Exif" in data
    assert b"Exif" not in made.data
    upright = decoded(made)
    assert upright.shape[0] > upright.shape[1]
    assert upright[: upright.shape[0] // 3].mean() > 240
    assert upright[-upright.shape[0] // 3 :].mean() < 15


def with_remark(data: bytes) -> bytes:
    return data[:33] + chunk(b"tEXt", b"Comment\0seen by nobody") + data[33:]


def test_a_small_png_is_taken_as_it_is_but_for_its_remarks() -> None:
    plain = encoded(scene(28, 28), ".png")
    assert thumbnail(plain, LIMITS).data == plain
    assert thumbnail(with_remark(plain), LIMITS).data == plain
    assert small_png(with_remark(plain), LIMITS) == plain
    assert thumbnail(plain, LIMITS).media_type == "image/png"


@pytest.mark.parametrize(
    "data", [encoded(scene(300, 28), ".png"), encoded(scene(28, 28), ".jpg")], ids=["long", "jpg"]
)
def test_what_is_no_small_png_is_made_anew(data: bytes) -> None:
    assert small_png(data, LIMITS) is None
    assert thumbnail(data, LIMITS).media_type == "image/jpeg"


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(DecodeError):
        thumbnail(b"no picture", LIMITS)


# Near-copies


def differing(one: int, other: int) -> int:
    return (one ^ other).bit_count()


def garment(seed: int) -> Image:
    pixels = np.full((240, 200, 3), 250, np.uint8)
    random = np.random.default_rng(seed)
    for _ in range(6):
        x, y, width, height = (int(value) for value in random.integers(20, 110, 4))
        shade = int(random.integers(0, 200))
        cv2.rectangle(pixels, (x, y), (x + width, y + height), (shade, shade // 2, shade), -1)
    return pixels


def test_copies_are_near_and_other_pictures_are_not() -> None:
    first = garment(0)
    near = near_bits(first)
    small = cv2.resize(first, (100, 120), interpolation=cv2.INTER_AREA)
    again = decoded(thumbnail_of(first))
    noisy = np.clip(first + np.random.default_rng(1).normal(0, 4, first.shape), 0, 255)
    for copy in (small, again, noisy.astype(np.uint8)):
        assert differing(near_bits(np.asarray(copy, np.uint8)), near) <= 6
    others = [differing(near_bits(garment(seed)), near) for seed in range(1, 30)]
    assert sum(distance > 6 for distance in others) >= 27


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (224, 224, 3), (1, 1), (3, 500, 3)])
def test_a_picture_of_any_size_has_its_bits(shape: tuple[int, ...]) -> None:
    bits = near_bits(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    assert 0 <= bits < 2**64
    assert near_bits(np.zeros(shape, np.uint8)) == 0
