"""TIFF 6.0 and BigTIFF: a directory of tags, which says where the strips or tiles of pixels lie.

Only strips packed by Deflate carry a checksum. What else a TIFF may be packed by has none, and the
decoder makes a picture of whatever lies there: damage inside the strips stays unseen.

The decoder applies the orientation of a TIFF by itself, so the header reports it as upright and
the size as it will be after turning.
"""

import struct
import zlib
from dataclasses import dataclass

from scoring.preprocessing.errors import CorruptImage, TruncatedImage
from scoring.preprocessing.formats.header import Header

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WIDTH, _HEIGHT, _ORIENTATION = 256, 257, 274
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 273, 279, 324, 325
_DEPTH, _EXTRA_SAMPLES = 258, 338
_COMPRESSION, _FILL_ORDER = 259, 266
_SIZE_TAGS = (_WIDTH, _HEIGHT, _ORIENTATION, _STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES)
_WANTED = frozenset((*_SIZE_TAGS, _DEPTH, _EXTRA_SAMPLES, _COMPRESSION, _FILL_ORDER))
_DEFLATE = (8, 32946)
_AT_ONCE = 1 << 18
_BYTES_A_PIXEL = 8  # four samples of 16 bits, the most that is decoded
_ASSOCIATED, _UNASSOCIATED = 1, 2
_VALUE_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_FIRST_SIDEWAYS = 5
_MAX_PIECES = 1 << 20


@dataclass(frozen=True)
class _Layout:
    """How wide the numbers of this file are."""

    endian: str
    big: bool

    def entries(self, data: bytes) -> tuple[int, int]:
        """Return where the first directory's entries start, and how many there are."""
        at, count = ("Q", "Q") if self.big else ("I", "H")
        (ifd,) = struct.unpack_from(self.endian + at, data, 8 if self.big else 4)
        (entries,) = struct.unpack_from(self.endian + count, data, ifd)
        return ifd + struct.calcsize("=" + count), entries


def read_header(data: bytes) -> Header:
    """Read the first page's size; its strips or tiles must lie inside the file."""
    try:
        tags = _first_directory(data)
    except struct.error:
        raise TruncatedImage("TIFF ends before its directory") from None
    width, height = (tags.get(tag, (0,))[0] for tag in (_WIDTH, _HEIGHT))
    if not width or not height:
        raise CorruptImage("TIFF without size")
    _check_pieces(tags, len(data))
    if tags.get(_ORIENTATION, (1,))[0] >= _FIRST_SIDEWAYS:
        width, height = height, width
    return Header("tiff", width, height, premultiplied=_is_premultiplied(tags))


def check_strips(data: bytes) -> None:
    """Inflate the strips or tiles of a file packed by Deflate, for the sake of their checksums.

    Raises CorruptImage. No more is inflated than the picture can need, and little at a time; strips
    that share their bytes are left alone, so that a small file cannot cost much.
    """
    tags = _first_directory(data)
    starts, lengths = _pieces(tags)
    deflated = tags.get(_COMPRESSION, (1,))[0] in _DEFLATE and tags.get(_FILL_ORDER, (1,))[0] == 1
    if not deflated or sum(lengths) > len(data):
        return
    budget = tags[_WIDTH][0] * tags[_HEIGHT][0] * _BYTES_A_PIXEL
    for start, length in zip(starts, lengths, strict=True):
        budget -= _inflated_bytes(data[start : start + length], budget)


def _inflated_bytes(strip: bytes, at_most: int) -> int:
    """Count what a strip inflates to; stop behind `at_most`. Raises CorruptImage."""
    stream, rest, count = zlib.decompressobj(), strip, 0
    while strip and not stream.eof and count < at_most:
        try:
            inflated = stream.decompress(rest, _AT_ONCE)
        except zlib.error:
            raise CorruptImage("TIFF strip with a wrong checksum") from None
        if not inflated and not stream.eof:
            raise CorruptImage("TIFF strip without its end")
        rest, count = stream.unconsumed_tail, count + len(inflated)
    return count


def _is_premultiplied(tags: dict[int, tuple[int, ...]]) -> bool:
    """Tell what the decoder does: at 8 bits it multiplies by any alpha that is declared."""
    extra = tags.get(_EXTRA_SAMPLES, (0,))[0]
    eight_bits = tags.get(_DEPTH, (1,))[0] <= 8
    return extra == _ASSOCIATED or (extra == _UNASSOCIATED and eight_bits)


def _first_directory(data: bytes) -> dict[int, tuple[int, ...]]:
    layout = _Layout("<" if data.startswith(b"II") else ">", b"+" in data[2:4])
    start, entries = layout.entries(data)
    entry_bytes = 20 if layout.big else 12
    tags = {}
    for offset in range(start, start + entries * entry_bytes, entry_bytes):
        (tag,) = struct.unpack_from(layout.endian + "H", data, offset)
        if tag in _WANTED:
            tags[tag] = _values(data, offset, layout)
    return tags


def _values(data: bytes, entry: int, layout: _Layout) -> tuple[int, ...]:
    """Read one tag's numbers, which stand in the entry itself when they fit there."""
    word = "Q" if layout.big else "I"
    kind, count = struct.unpack_from(layout.endian + "H" + word, data, entry + 2)
    code = _VALUE_CODES.get(kind)
    if code is None or not 0 < count <= _MAX_PIECES:
        raise CorruptImage("TIFF tag of a wrong type")
    at = entry + (12 if layout.big else 8)
    if struct.calcsize("=" + code) * count > struct.calcsize("=" + word):
        (at,) = struct.unpack_from(layout.endian + word, data, at)
    return struct.unpack_from(f"{layout.endian}{count}{code}", data, at)


def _pieces(tags: dict[int, tuple[int, ...]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return where the strips or tiles start and how long they are."""
    starts = tags.get(_STRIPS) or tags.get(_TILES) or ()
    return starts, tags.get(_STRIP_BYTES) or tags.get(_TILE_BYTES) or ()


def _check_pieces(tags: dict[int, tuple[int, ...]], file_bytes: int) -> None:
    starts, lengths = _pieces(tags)
    if not starts or len(starts) != len(lengths):
        raise CorruptImage("TIFF without its table of strips")
    if any(start + length > file_bytes for start, length in zip(starts, lengths, strict=True)):
        raise TruncatedImage("TIFF ends before its last strip")
