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
# Where the pixels lie, and what else a picture may be cut off in. Any other kind is passed over by
# the decoders: bytes left over behind the picture look like one that ends anywhere.
_PIXELS = b"mdat"
_KNOWN = {_PIXELS, *(b"ftyp", b"meta", b"moov", b"moof", b"free", b"skip", b"uuid", b"wide")}


def check_boxes(data: bytes) -> None:
    """Walk the outermost boxes. Raises TruncatedImage, CorruptImage or TooMuchWork."""
    offset, has_pixels = 0, False
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
        kind = data[offset + 4 : offset + _HEAD]
        is_whole = _HEAD <= length <= len(data) - offset
        if not is_whole and has_pixels and kind not in _KNOWN:
            return  # bytes left over
        if length < _HEAD:
            raise CorruptImage("a box shorter than its own head")
        offset += length
        if offset > len(data):
            raise TruncatedImage("a box ends behind the file")
        has_pixels = has_pixels or kind == _PIXELS
    raise TooMuchWork(f"more than {_MAX_BOXES:,} boxes")
