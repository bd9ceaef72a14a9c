"""WebP: the first picture, whatever follows, in bounded time."""

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from scoring.preprocessing.decode import (
    DecodeLimits,
    TooMuchWork,
    TruncatedImage,
    checked_header,
    decode_color,
)
from scoring.preprocessing.formats.header import FIRST_FRAME
from tests.deadlines import work_of_at_most
from tests.scoring.preprocessing.image_files import Array, encoded, exif, scene, webp_with_exif

LIMITS = DecodeLimits(max_pixels=4_000_000, max_bytes=64_000_000)
STILL = encoded(scene(), ".webp", cv2.IMWRITE_WEBP_QUALITY, 101)


def color_of(data: bytes) -> Array:
    return decode_color(data, checked_header(data, LIMITS), behind=255)


def riff(body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(body)) + body


def animated(count: int) -> bytes:
    stream = io.BytesIO()
    frames = [Pillow.fromarray(scene(seed=seed)) for seed in range(count)]
    frames[0].save(stream, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    return stream.getvalue()


def test_of_an_animation_the_first_picture_counts_and_a_note_says_so() -> None:
    data = animated(3)
    assert checked_header(data, LIMITS).note == FIRST_FRAME
    np.testing.assert_array_equal(color_of(data), scene())
    assert checked_header(STILL, LIMITS).note is None


def test_the_first_orientation_counts() -> None:
    turned = webp_with_exif(STILL, 6, 64, 96)
    second = exif(1)
    both = riff(turned[8:] + b"EXIF" + struct.pack("<I", len(second)) + second)
    np.testing.assert_array_equal(color_of(both), color_of(turned))


def test_thousands_of_pictures_are_read_millions_refused() -> None:
    data = animated(2)
    dot = encoded(scene(1, 1), ".webp", cv2.IMWRITE_WEBP_QUALITY, 101)[12:]
    frame = b"ANMF" + struct.pack("<I", 16 + len(dot)) + bytes(16) + dot
    many = riff(data[8:] + frame * 5_000)
    np.testing.assert_array_equal(color_of(many), scene())
    for chunk in (frame, b"EXIF\0\0\0\0", b"junk\0\0\0\0"):
        with work_of_at_most(10), pytest.raises(TooMuchWork, match="chunks"):
            color_of(riff(data[8:] + chunk * 1_000_000))


def odd_sized() -> bytes:
    """Return a file whose picture is of odd length, so that a byte fills it up."""
    for seed in range(50):
        data = encoded(scene(seed=seed), ".webp", cv2.IMWRITE_WEBP_QUALITY, 101)
        if struct.unpack_from("<I", data, 16)[0] % 2:
            return data
    raise AssertionError("no picture of odd length")


def test_the_byte_that_fills_up_may_not_be_counted() -> None:
    data = odd_sized()
    expected = color_of(data)
    less = data[:4] + struct.pack("<I", len(data) - 9) + data[8:]
    np.testing.assert_array_equal(color_of(less), expected)
    np.testing.assert_array_equal(color_of(less[:-1]), expected)
    np.testing.assert_array_equal(color_of(data + b"left over"), expected)


def test_a_picture_that_is_cut_within_a_mended_frame_is_found() -> None:
    data = odd_sized()
    for missing in (2, 50, 1000):
        with pytest.raises(TruncatedImage):
            color_of(data[:-missing])
