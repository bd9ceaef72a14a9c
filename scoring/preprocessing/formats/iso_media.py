"""AVIF and HEIF are boxes within one another (ISO 14496-12): do the outermost lie in the file?

What is in them is read by libavif and libheif, which have bounds of their own on items, extents,
tiles and memory.
"""

import struct

from scoring.preprocessing.errors import CorruptImage, TooMuchWork, TruncatedImage

# Programs write a handful; a sequence that was recorded in fragments has some thousands.
_MAX_BOXES = 70_000
_HEAD, _LARGE_HEAD = 8, 16
_TO_THE_END, _LARGE = 0, 1


def check_boxes(data: bytes) -> None:
    """Walk the outermost boxes. Raises TruncatedImage, CorruptImage or TooMuchWork."""
    offset = 0
    for _ in range(_MAX_BOXES):
        if offset == len(data):
            return
        try:
            (length,) = struct.unpack_from(">I", data, offset)
            if length == _LARGE:
                (length,) = struct.unpack_from(">Q", data, offset + _HEAD)
        except struct.error:
            return  # a few bytes left over
        if length == _TO_THE_END:
            return
        if length < _HEAD:
            raise CorruptImage("a box shorter than its own head")
        offset += length
        if offset > len(data):
            raise TruncatedImage("a box ends behind the file")
    raise TooMuchWork(f"more than {_MAX_BOXES:,} boxes")
