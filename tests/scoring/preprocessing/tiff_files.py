"""Write TIFF files tag by tag, right and wrong, in either byte order, classic and big."""

import struct
from collections.abc import Mapping, Sequence

from tests.scoring.preprocessing.image_files import Array

CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
"""Types of whole numbers: BYTE, SHORT, LONG, the same signed, IFD, and those of 8 bytes."""

Tag = tuple[int, Sequence[int]]
"""Type and values."""

BYTE, SHORT, LONG, LONG8 = 1, 3, 4, 16
WIDTH, HEIGHT, DEPTH, COMPRESSION, COLOURS, STRIPS = 256, 257, 258, 259, 262, 273
ORIENTATION, SAMPLES, ROWS, COUNTS, PLANAR = 274, 277, 278, 279, 284
TILE_WIDTH, TILE_HEIGHT, TILES, TILE_COUNTS = 322, 323, 324, 325


def tiff_file(
    tags: Mapping[int, Tag],
    body: bytes,
    endian: str = "<",
    big: bool = False,
    twice: Sequence[tuple[int, Tag]] = (),
    following: int = 0,
) -> bytes:
    """Write `body` behind the head, then the values that do not fit an entry, then the tags."""
    word, word_bytes = ("Q", 8) if big else ("I", 4)
    start = 2 * word_bytes
    outside = bytearray(body + bytes(-len(body) % 8))
    entries = []
    for tag, (kind, values) in (*sorted(tags.items()), *twice):
        packed = struct.pack(f"{endian}{len(values)}{CODES[kind]}", *values)
        if len(packed) > word_bytes:
            at = struct.pack(endian + word, start + len(outside))
            outside += packed + bytes(-len(packed) % 8)
            packed = at
        head = struct.pack(endian + "HH" + word, tag, kind, len(values))
        entries.append(head + packed.ljust(word_bytes, b"\0"))
    count = struct.pack(endian + ("Q" if big else "H"), len(entries))
    first = struct.pack(endian + word, start + len(outside))
    last = struct.pack(endian + word, following)
    return b"".join((head_of(endian, big), first, outside, count, *entries, last))


def head_of(endian: str, big: bool) -> bytes:
    order = b"II" if endian == "<" else b"MM"
    if big:
        return order + struct.pack(endian + "HHH", 43, 8, 0)
    return order + struct.pack(endian + "H", 42)


def first_byte(big: bool = False) -> int:
    """Where `tiff_file` puts the body."""
    return 16 if big else 8


def grey_tags(grey: Array, rows: int | None = None, big: bool = False) -> dict[int, Tag]:
    """Return the tags of an unpacked 8-bit grey picture in strips of some rows."""
    height, width = grey.shape
    rows = rows or height
    tops = range(0, height, rows)
    lengths = [width * min(rows, height - top) for top in tops]
    return {
        WIDTH: (SHORT, [width]),
        HEIGHT: (SHORT, [height]),
        DEPTH: (SHORT, [8]),
        COMPRESSION: (SHORT, [1]),
        COLOURS: (SHORT, [1]),
        STRIPS: (LONG, [first_byte(big) + top * width for top in tops]),
        SAMPLES: (SHORT, [1]),
        ROWS: (LONG, [rows]),
        COUNTS: (LONG, lengths),
    }
