"""PNG: what the picture is made of must be sound, what stands beside it costs nothing."""

import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from scoring.preprocessing.decode import (
    CorruptImage,
    DecodeError,
    DecodeLimits,
    TooMuchWork,
    TruncatedImage,
    checked_header,
    decode_color,
    decode_grey,
)
from scoring.preprocessing.formats.header import FIRST_FRAME, Header
from scoring.preprocessing.formats.png import _barest, _walk, read_header
from tests.deadlines import work_of_at_most
from tests.scoring.preprocessing.image_files import Array, chunk, encoded, exif, png, scene

LIMITS = DecodeLimits(max_pixels=4_000_000, max_bytes=64_000_000)
SIGNATURE = b"\x89PNG\r\n\x1a\n"
PLAIN = encoded(scene(), ".png")
BEFORE_DATA = 8 + 12 + 13
END = chunk(b"IEND", b"")
ROWS = b"".join(b"\0" + row.tobytes() for row in scene()[:, :, ::-1])
PACKED = zlib.compress(ROWS)
HEADER = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 96, 8, 2, 0, 0, 0))


def color_of(data: bytes) -> Array:
    return decode_color(data, checked_header(data, LIMITS), behind=0)


def grey_of(data: bytes, behind: int = 0) -> Array:
    return decode_grey(data, checked_header(data, LIMITS), behind)


def unsound(kind: bytes, body: bytes) -> bytes:
    """Write a chunk with a wrong checksum."""
    whole = chunk(kind, body)
    return whole[:-1] + bytes((whole[-1] ^ 1,))


def with_chunk(more: bytes) -> bytes:
    return PLAIN[:BEFORE_DATA] + more + PLAIN[BEFORE_DATA:]


BESIDE_THE_PICTURE = {
    "wrong checksum in text": with_chunk(unsound(b"tEXt", b"Software\0x")),
    "in a profile": with_chunk(unsound(b"iCCP", b"profile")),
    "in a private chunk": with_chunk(unsound(b"prVt", b"x")),
    "in a time behind the data": PLAIN[:-12] + unsound(b"tIME", bytes(7)) + END,
    "in an unused palette": with_chunk(unsound(b"PLTE", bytes(6))),
    "in an orientation": with_chunk(unsound(b"eXIf", exif(6))),
    "an unknown critical chunk": with_chunk(chunk(b"ABCD", b"what nobody knows")),
    "bytes behind the end": PLAIN + b"left over" * 100,
    "bytes behind the zlib stream": SIGNATURE + HEADER + chunk(b"IDAT", PACKED + b"junk") + END,
    "rows behind the last": SIGNATURE
    + HEADER
    + chunk(b"IDAT", zlib.compress(ROWS + bytes(999)))
    + END,
    "empty data chunks": SIGNATURE
    + HEADER
    + chunk(b"IDAT", b"") * 50
    + chunk(b"IDAT", PACKED)
    + END,
}


@pytest.mark.parametrize("kind", BESIDE_THE_PICTURE)
def test_what_stands_beside_the_picture_costs_nothing(kind: str) -> None:
    np.testing.assert_array_equal(color_of(BESIDE_THE_PICTURE[kind]), scene()[:, :, ::-1])


def test_remarks_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    for kind in ("wrong checksum in text", "in a time behind the data", "in an unused palette"):
        color_of(BESIDE_THE_PICTURE[kind])
    assert capfd.readouterr().err == ""


def told(read: Callable[[bytes], Header], data: bytes) -> Header | str:
    """Return what a file is told to be, or what is wrong with it."""
    try:
        return read(data)
    except DecodeError as error:
        return f"{type(error).__name__}: {error}"


BARE = SIGNATURE + HEADER + chunk(b"IDAT", PACKED) + END


def test_a_bare_file_is_told_as_the_walk_through_its_chunks_tells_it() -> None:
    assert _barest(BARE) == _walk(BARE)
    deep = png(4, 1, 16, 0, bytes(8))
    assert _barest(deep) == _walk(deep)
    assert told(_walk, deep) == Header("png", 4, 1, plain=True, deep=True)


def test_damage_to_any_byte_of_a_bare_file_is_told_as_the_walk_tells_it() -> None:
    small = png(4, 2, 8, 0, bytes(range(8)))
    assert _barest(small)
    for place in range(len(SIGNATURE), len(small)):
        for change in (1, 0x20, 0x80):
            damaged = small[:place] + bytes((small[place] ^ change,)) + small[place + 1 :]
            assert told(read_header, damaged) == told(_walk, damaged)
            assert isinstance(told(read_header, damaged), str)
        assert isinstance(told(read_header, small[:place]), str)


NOT_BARE = {
    "a remark": with_chunk(chunk(b"tEXt", b"a\0b")),
    "bytes behind the end": BARE + b"x",
    "two chunks of data": SIGNATURE
    + HEADER
    + chunk(b"IDAT", PACKED[:50])
    + chunk(b"IDAT", PACKED[50:])
    + END,
    "a palette that is not there": png(4, 1, 8, 3, bytes(4)),
    "no width": SIGNATURE + chunk(b"IHDR", bytes(4) + HEADER[12:21]) + chunk(b"IDAT", PACKED) + END,
    "no data": SIGNATURE + HEADER + END,
    "a head alone": SIGNATURE + HEADER,
}


@pytest.mark.parametrize("kind", NOT_BARE)
def test_what_is_not_bare_is_left_to_the_walk(kind: str) -> None:
    assert _barest(NOT_BARE[kind]) is None
    assert told(read_header, NOT_BARE[kind]) == told(_walk, NOT_BARE[kind])


PALETTE = chunk(b"PLTE", bytes((7, 7, 7, 200, 200, 200)))


@pytest.mark.parametrize(
    "data",
    [
        png(4, 1, 8, 3, bytes((0, 1, 1, 0)), unsound(b"PLTE", bytes(6))),
        png(4, 1, 8, 3, bytes((0, 1, 1, 0)), PALETTE, unsound(b"tRNS", b"\0")),
        SIGNATURE + HEADER + unsound(b"IDAT", PACKED) + END,
        SIGNATURE + HEADER + chunk(b"IDAT", PACKED[:-1] + bytes((PACKED[-1] ^ 1,))) + END,
        SIGNATURE + HEADER + chunk(b"IDAT", zlib.compress(ROWS[:-65])) + END,
        SIGNATURE
        + HEADER
        + chunk(b"IDAT", PACKED[:50])
        + chunk(b"tEXt", b"a\0b")
        + chunk(b"IDAT", PACKED[50:])
        + END,
        SIGNATURE + HEADER + HEADER + chunk(b"IDAT", PACKED) + END,
        SIGNATURE + chunk(b"IDAT", PACKED) + HEADER + END,
    ],
)
def test_damage_in_what_the_picture_is_made_of_is_found(data: bytes) -> None:
    with pytest.raises(CorruptImage):
        grey_of(data)


def test_a_png_without_its_end_is_cut_off() -> None:
    with pytest.raises(TruncatedImage):
        grey_of(PLAIN[:-12])


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_level_of_grey_may_be_see_through(depth: int) -> None:
    """OpenCV shows what is under it."""
    most = (1 << depth) - 1
    levels = [0, most, most, 0, 0, most, most, most]
    bits = "".join(f"{level:0{depth}b}" for level in levels)
    row = int(bits, 2).to_bytes(len(bits) // 8)
    for key in (0, most):
        keyed = png(8, 1, depth, 0, row, chunk(b"tRNS", struct.pack(">H", key)))
        expected = [255 if level == key else 255 * level // most for level in levels]
        assert grey_of(keyed, 255).tolist() == [expected]
    assert grey_of(png(8, 1, depth, 0, row), 255).tolist() == [[255 * x // most for x in levels]]


def test_the_first_orientation_counts() -> None:
    turned = color_of(with_chunk(chunk(b"eXIf", exif(6)) + chunk(b"eXIf", exif(1))))
    np.testing.assert_array_equal(turned, np.rot90(scene()[:, :, ::-1], 3))


def test_of_an_animation_the_first_picture_counts_and_a_note_says_so() -> None:
    frames = struct.pack(">II", 2, 0)
    control = struct.pack(">IIIIIHHBB", 0, 64, 96, 0, 0, 1, 10, 0, 0)
    animated = with_chunk(chunk(b"acTL", frames) + chunk(b"fcTL", control))
    animated = animated[:-12] + chunk(b"fdAT", bytes(4) + zlib.compress(bytes(len(ROWS)))) + END
    assert checked_header(animated, LIMITS).note == FIRST_FRAME
    np.testing.assert_array_equal(color_of(animated), scene()[:, :, ::-1])
    assert checked_header(PLAIN, LIMITS).note is None
    single = with_chunk(chunk(b"acTL", struct.pack(">II", 1, 0)))
    assert checked_header(single, LIMITS).note is None


def test_a_million_empty_chunks_are_refused_unread() -> None:
    for kind in (b"tEXt", b"IDAT"):
        many = with_chunk(chunk(kind, b"") * 1_000_000)
        with work_of_at_most(10), pytest.raises(TooMuchWork, match="chunks"):
            checked_header(many, LIMITS)


def test_data_that_inflates_without_an_end_is_refused() -> None:
    """The decoder would inflate 4 GB, long behind the last row: a minute on a busy machine."""
    endless = zlib.compressobj(9)
    packed = endless.compress(ROWS) + endless.flush(zlib.Z_FULL_FLUSH)
    packed += (endless.compress(bytes(10_000_000)) + endless.flush(zlib.Z_FULL_FLUSH)) * 400
    data = SIGNATURE + HEADER + chunk(b"IDAT", packed) + END
    assert len(data) < 5_000_000
    with pytest.raises(TooMuchWork, match="far more data"):
        grey_of(data)


def test_a_large_png_of_noise_is_no_bomb() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    data = encoded(noise, ".png", cv2.IMWRITE_PNG_COMPRESSION, 1)
    assert len(data) > 2_000_000
    np.testing.assert_array_equal(color_of(data), noise[:, :, ::-1])
