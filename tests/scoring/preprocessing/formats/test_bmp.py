"""BMP: every header and depth as Pillow shows it."""

import io
import struct

import numpy as np
import pytest
from PIL import Image as Pillow

from scoring.preprocessing.decode import (
    DecodeError,
    DecodeLimits,
    TooManyPixels,
    TruncatedImage,
    checked_header,
    decode_color,
    decode_grey,
)
from tests.scoring.preprocessing.image_files import Array, scene

LIMITS = DecodeLimits(max_pixels=4_000_000, max_bytes=4_000_000)
PICTURE = np.ascontiguousarray(scene(40, 30))
MASKS = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)
ALPHA = struct.pack("<I", 0xFF000000)
HEADERS = (40, 52, 56, 64, 108, 124)


def bmp(header: int, bits: int, compression: int = 0, *, masks: bytes = b"", **more: int) -> bytes:
    """Write PICTURE; more: `top_down`, `fourth` (each pixel's fourth byte), `file_bytes`."""
    height, width = PICTURE.shape[:2]
    palette, rows = rows_of(bits, more.get("fourth", 0), palette_bytes=3 if header == 12 else 4)
    if more.get("top_down"):
        height = -height
    else:
        rows = rows[::-1]
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, *[0] * 5)
        info = (info + masks).ljust(max(header, 40 + (len(masks) if header == 40 else 0)), b"\0")
    pixels_at = 14 + len(info) + len(palette)
    body = info + palette + b"".join(rows)
    return (
        b"BM" + struct.pack("<IHHI", more.get("file_bytes", 14 + len(body)), 0, 0, pixels_at) + body
    )


def rows_of(bits: int, fourth: int, palette_bytes: int) -> tuple[bytes, list[bytes]]:
    """Return the palette and the rows from the top, each filled up to four bytes."""
    height, width = PICTURE.shape[:2]
    if bits == 8:
        level = np.arange(256, dtype=np.uint8)
        columns = [level, level // 2, 255 - level, level * 0][:palette_bytes]
        palette, rows = np.stack(columns, 1).tobytes(), PICTURE[:, :, 0]
    else:
        extra = np.full((height, width, bits // 8 - 3), fourth, np.uint8)
        palette, rows = b"", np.concatenate([PICTURE, extra], 2)
    packed = [row.tobytes() for row in rows]
    return palette, [row + bytes(-len(row) % 4) for row in packed]


def color_of(data: bytes) -> Array:
    return decode_color(data, checked_header(data, LIMITS), behind=255)


def as_pillow_shows_it(data: bytes) -> Array:
    with Pillow.open(io.BytesIO(data)) as picture:
        layered = picture.convert("RGBA")
    page = Pillow.new("RGBA", layered.size, (255, 255, 255, 255))
    page.alpha_composite(layered)
    return np.asarray(page.convert("RGB"))


FILES = {
    **{
        f"header of {size}, {bits} bits": bmp(size, bits)
        for size in HEADERS
        for bits in (8, 24, 32)
    },
    "OS/2": bmp(12, 24),
    "OS/2 with a palette": bmp(12, 8),
    "from the top": bmp(40, 24, top_down=1),
    "a wrong size of the file": bmp(40, 24, file_bytes=1),
    "a huge size of the file": bmp(124, 24, file_bytes=2**32 - 1),
    "a fourth byte that means nothing": bmp(40, 32, fourth=99),
    "masks without alpha": bmp(40, 32, 3, masks=MASKS),
    "masks without alpha in a large header": bmp(124, 32, 3, masks=MASKS, fourth=7),
    "half transparent": bmp(124, 32, 3, masks=MASKS + ALPHA, fourth=128),
    "transparent": bmp(108, 32, 3, masks=MASKS + ALPHA, fourth=0),
}


@pytest.mark.parametrize("kind", FILES)
def test_colours_are_as_pillow_shows_them(kind: str) -> None:
    shown = color_of(FILES[kind]).astype(int)
    np.testing.assert_allclose(shown, as_pillow_shows_it(FILES[kind]), atol=1)


def test_a_picture_whose_fourth_byte_is_zero_is_not_blank() -> None:
    for data in (bmp(40, 32), bmp(40, 32, 3, masks=MASKS), bmp(124, 32, 3, masks=MASKS)):
        grey = decode_grey(data, checked_header(data, LIMITS), behind=255)
        assert grey.min() < 60


RUNS = b"".join(bytes((30, level, 0, 0)) for level in range(40))


def run_length_coded(runs: bytes) -> bytes:
    data = bmp(40, 8, 1)
    pixels_at = struct.unpack_from("<I", data, 10)[0]
    return data[:pixels_at] + runs


def test_runs_are_read_with_and_without_their_end() -> None:
    expected = as_pillow_shows_it(run_length_coded(RUNS + b"\0\1"))
    for runs in (RUNS + b"\0\1", RUNS):
        np.testing.assert_array_equal(color_of(run_length_coded(runs)), expected)


@pytest.mark.parametrize("kept", [0, 3, 80, 150])
def test_runs_that_are_cut_off_are_found(kept: int) -> None:
    with pytest.raises(DecodeError):
        color_of(run_length_coded(RUNS[:kept]))


@pytest.mark.parametrize("kind", FILES)
def test_a_missing_row_is_found(kind: str) -> None:
    with pytest.raises(TruncatedImage):
        color_of(FILES[kind][:-4])


def test_no_sign_hides_a_large_picture_from_the_limit() -> None:
    for width, height in ((60_000, 60_000), (60_000, -60_000)):
        with pytest.raises((TooManyPixels, TruncatedImage)):
            color_of(bmp(40, 24)[:18] + struct.pack("<ii", width, height) + bmp(40, 24)[26:])
    runs = run_length_coded(RUNS)
    with pytest.raises(TooManyPixels):
        color_of(runs[:18] + struct.pack("<ii", 60_000, 60_000) + runs[26:])
