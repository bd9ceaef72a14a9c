"""What is whole of a damaged file is shown to people, and a bomb is not."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from scoring.preprocessing.decode import upright
from scoring.preprocessing.errors import DecodeError
from scoring.preprocessing.pixels import DecodeLimits
from scoring.preprocessing.salvage import salvaged
from scoring.preprocessing.thumbnail import LONGEST, thumbnail
from tests.scoring.preprocessing.image_files import (
    chunk,
    encoded,
    jpeg_with_exif,
    png_with_exif,
    scene,
)

LIMITS = DecodeLimits(10**7, 10**8)
WHOLE = cv2.resize(scene(24, 18), (360, 480), interpolation=cv2.INTER_CUBIC)
COLOUR = np.asarray(WHOLE, np.uint8)


def shown(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    made = salvaged(data, LIMITS)
    assert made
    return np.asarray(cv2.imdecode(np.frombuffer(made.data, np.uint8), cv2.IMREAD_COLOR))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".gif"])
def test_the_upper_half_of_a_file_that_is_cut_off_is_shown(suffix: str) -> None:
    whole = encoded(COLOUR, suffix)
    cut = whole[: len(whole) * 7 // 10]
    with pytest.raises(DecodeError):
        thumbnail(cut, LIMITS)
    made = shown(cut)
    assert max(made.shape) <= LONGEST
    wanted = cv2.resize(COLOUR, made.shape[1::-1], interpolation=cv2.INTER_AREA)
    third = slice(-made.shape[0] // 3, None) if suffix == ".bmp" else slice(made.shape[0] // 3)
    assert np.abs(made[third].astype(int) - wanted[third]).mean() < 25


@pytest.mark.parametrize("turned", [jpeg_with_exif, png_with_exif])
def test_what_is_left_is_shown_upright(turned: Callable[[bytes, int], bytes]) -> None:
    whole = encoded(COLOUR, ".jpg" if turned is jpeg_with_exif else ".png")
    cut = len(whole) * 7 // 10
    for orientation in range(1, 9):
        wanted = upright(shown(turned(whole, 1)[:cut]), orientation)
        made = shown(turned(whole, orientation)[:cut])
        assert made.shape == wanted.shape
        assert np.abs(made.astype(int) - wanted).mean() < 6  # each is a JPEG of its own


def test_a_large_jpeg_is_shown_upright() -> None:
    data = jpeg_with_exif(encoded(np.full((1500, 2000, 3), 180, np.uint8), ".jpg"), 6)
    made = salvaged(data, DecodeLimits(10**6, 10**8))
    assert made
    assert made.pixels is not None
    height, width = made.pixels.shape[:2]
    assert height > width


def test_a_png_with_a_wrong_checksum_is_shown() -> None:
    whole = bytearray(encoded(COLOUR, ".png"))
    whole[len(whole) // 2] ^= 0x55
    assert max(shown(bytes(whole)).shape) <= LONGEST


def test_a_jpeg_with_more_pixels_than_it_may_have_is_shown() -> None:
    data = encoded(np.full((1500, 2000, 3), 180, np.uint8), ".jpg")
    few = DecodeLimits(10**6, 10**8)
    assert salvaged(data, few)
    assert salvaged(data, DecodeLimits(10**5, 10**8)) is None  # far too many


@pytest.mark.parametrize(
    "data",
    [b"", b"no picture", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"GIF89a", b"<svg/>"],
)
def test_of_what_shows_nothing_there_is_no_picture(data: bytes) -> None:
    assert salvaged(data, LIMITS) is None


def test_a_bomb_stays_closed() -> None:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(1000)))
    bomb = b"\x89PNG\r\n\x1a\n" + head + body
    assert salvaged(bomb, LIMITS) is None
    assert salvaged(bomb + chunk(b"IEND", b""), LIMITS) is None


def test_any_flipped_byte_gives_a_picture_or_none() -> None:
    random = np.random.default_rng(0)
    for suffix in (".jpg", ".png", ".bmp", ".gif", ".webp"):
        whole = encoded(scene(40, 30), suffix)
        for place in random.integers(0, len(whole), 25):
            damaged = bytearray(whole)
            damaged[place] ^= 0xFF
            made = salvaged(bytes(damaged), LIMITS)
            assert made is None or made.data
