"""GIF 87a and 89a: blocks up to the first picture, which is all that is shown to the decoder."""

import struct

from scoring.preprocessing.errors import CorruptImage, TooMuchWork, TruncatedImage
from scoring.preprocessing.formats.header import FIRST_FRAME, Header

SIGNATURES = (b"GIF87a", b"GIF89a")
_HEAD = 13
_PICTURE, _EXTENSION, _TRAILER = 0x2C, 0x21, b"\x3b"
_DESCRIPTOR = 10
# Programs fill their blocks of 255 bytes: 64 MB hold 250,000.
_MAX_BLOCKS = 300_000


def read_header(data: bytes) -> Header:
    """Read the size of the canvas; the first picture must lie in the file in full."""
    start, end = _first_picture(data)
    width, height = _canvas(data, start)
    if not width or not height:
        raise CorruptImage("GIF without size")
    following = data[end : end + 1]
    note = None if following in (b"", _TRAILER) else FIRST_FRAME
    return Header("gif", width, height, note=note)


def first_picture_only(data: bytes) -> bytes:
    """Return a still: the decoder would go through all pictures, and wants an end marker.

    The canvas is made as large as the picture, as viewers do.
    """
    start, end = _first_picture(data)
    size = struct.pack("<HH", *_canvas(data, start))
    return data[:6] + size + data[10:end] + _TRAILER


def _canvas(data: bytes, picture: int) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    left, top, own_width, own_height = struct.unpack_from("<4H", data, picture + 1)
    return max(width, left + own_width), max(height, top + own_height)


def _first_picture(data: bytes) -> tuple[int, int]:
    """Return where the first picture's descriptor is, and where its data ends."""
    try:
        return _walk(data)
    except IndexError:
        raise TruncatedImage("GIF ends before its picture does") from None


def _walk(data: bytes) -> tuple[int, int]:
    offset = _HEAD + _table_bytes(data[10])
    blocks = 0
    while data[offset] == _EXTENSION:
        offset, blocks = _behind_blocks(data, offset + 2, blocks)
    if data[offset] != _PICTURE:
        raise CorruptImage("GIF without a picture")
    data_start = offset + _DESCRIPTOR + _table_bytes(data[offset + 9]) + 1
    end, _ = _behind_blocks(data, data_start, blocks)
    return offset, end


def _table_bytes(flags: int) -> int:
    """Return how long a colour table is, by the flags of whom it belongs to."""
    return 3 << (flags & 0x07) + 1 if flags & 0x80 else 0


def _behind_blocks(data: bytes, offset: int, blocks: int) -> tuple[int, int]:
    """Skip blocks of up to 255 bytes and the empty one that ends them; count them all."""
    while data[offset]:
        offset += data[offset] + 1
        blocks += 1
        if blocks > _MAX_BLOCKS:
            raise TooMuchWork(f"GIF of more than {_MAX_BLOCKS:,} blocks")
    return offset + 1, blocks + 1
