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
    UnsupportedFormat,
    checked_header,
    decode_color,
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
}


@pytest.mark.parametrize("kind", FILES)
def test_colours_are_as_pillow_shows_them(kind: str) -> None:
    shown = color_of(FILES[kind]).astype(int)
    np.testing.assert_allclose(shown, as_pillow_shows_it(FILES[kind]), atol=1)


def test_a_picture_whose_fourth_byte_is_zero_is_not_blank() -> None:
    """Not even where a mask calls it alpha: a picture of which nothing is to be seen is none."""
    files = [bmp(size, 32, 3, masks=MASKS) for size in (40, 124)]
    files += [bmp(size, 32, 3, masks=MASKS + ALPHA) for size in (56, 108, 124)]
    for data in (bmp(40, 32), *files):
        np.testing.assert_array_equal(color_of(data), PICTURE[:, :, ::-1])


SIXTEEN_BITS = {
    "565": (0xF800, 0x07E0, 0x001F),
    "555": (0x7C00, 0x03E0, 0x001F),
}


@pytest.mark.parametrize("header", [40, 52, 56, 108, 124])
@pytest.mark.parametrize("masks", SIXTEEN_BITS)
def test_sixteen_bits_are_read_under_every_header(masks: str, header: int) -> None:
    data = sixteen_bits(SIXTEEN_BITS[masks], header)
    assert np.abs(color_of(data).astype(int) - PICTURE[:, :, ::-1]).max() <= 8


def test_sixteen_bits_by_masks_that_few_know_are_not_called_damaged() -> None:
    with pytest.raises(UnsupportedFormat, match="save it as png or jpeg"):
        color_of(sixteen_bits((0x0F00, 0x00F0, 0x000F), 124))


@pytest.mark.parametrize("header", [40, 52, 56, 108, 124])
def test_colours_in_another_order_are_put_right(header: int) -> None:
    levels = np.zeros((*PICTURE.shape[:2], 4), np.uint8)
    levels[:, :, 1:] = PICTURE[::-1]
    data = bmp(header, 32, 3, masks=struct.pack("<III", 0xFF000000, 0xFF0000, 0xFF00))
    file = data[: -levels.size] + levels.tobytes()
    np.testing.assert_array_equal(color_of(file), PICTURE[:, :, ::-1])


def sixteen_bits(masks: tuple[int, ...], header: int) -> bytes:
    """Write PICTURE with colours where the masks say."""
    levels = np.zeros(PICTURE.shape[:2], np.uint16)
    for channel, mask in zip((2, 1, 0), masks, strict=True):
        top = mask.bit_length()
        levels |= ((PICTURE[:, :, channel].astype(np.uint32) << 8) >> (16 - top) & mask).astype(
            "u2"
        )
    rows = b"".join(row.tobytes() + bytes(-2 * len(row) % 4) for row in levels[::-1])
    data = bmp(header, 24, 3, masks=struct.pack("<III", *masks))
    at = struct.unpack_from("<I", data, 10)[0]
    return data[:28] + struct.pack("<H", 16) + data[30:at] + rows


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
