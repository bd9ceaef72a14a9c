"""BMP: a file header of 14 bytes, an info header, and rows padded to 4 bytes."""

import struct

from scoring.preprocessing.errors import CorruptImage, TruncatedImage
from scoring.preprocessing.formats.header import Header

SIGNATURE = b"BM"
_CORE_HEADER = 12
_INFO_HEADER = 40
_RUN_LENGTH_CODED = (1, 2)
_WITH_MASKS = (3, 6)
_MASKS_AT = 54  # behind a header of 40 bytes, within a larger one
_WITH_ALPHA_MASK, _ALPHA_MASK_AT = 56, 66  # headers so long have one, and where
_USUAL_MASKS = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)


def read_header(data: bytes) -> Header:
    """Read size and depth; the rows must be there in full where their length is known."""
    try:
        pixels_at, info_bytes = struct.unpack_from("<I I", data, 10)
        if info_bytes == _CORE_HEADER:
            width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
            compression = 0
        else:
            width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    except struct.error:
        raise TruncatedImage("BMP ends inside its header") from None
    if info_bytes not in (_CORE_HEADER, *range(_INFO_HEADER, 129)):
        raise CorruptImage("BMP header of unknown length")
    height = abs(height)  # negative: rows from the top
    if width <= 0 or not height:
        raise CorruptImage("BMP without size")
    row_bytes = (width * bits + 31) // 32 * 4
    if compression not in _RUN_LENGTH_CODED and pixels_at + row_bytes * height > len(data):
        raise TruncatedImage("BMP ends before its last row")
    return Header("bmp", width, height, deep=has_rare_masks(data))


def has_rare_masks(data: bytes) -> bool:
    """Tell whether a checked file says where its colours lie in a way that OpenCV does not heed.

    It refuses those of sixteen bits under all but the oldest header, and under the older ones takes
    32 bits to be B, G, R whatever the masks say.
    """
    if struct.unpack_from("<I", data, 14)[0] == _CORE_HEADER:
        return False
    info_bytes, bits, compression = struct.unpack_from("<I10xHI", data, 14)
    masks = data[_MASKS_AT : _MASKS_AT + len(_USUAL_MASKS)]
    unheeded = info_bytes < _WITH_ALPHA_MASK and masks != _USUAL_MASKS
    return compression in _WITH_MASKS and (bits == 16 or unheeded)


def has_alpha(data: bytes) -> bool:
    """Tell whether a checked file declares alpha.

    Without a mask for it the fourth byte of a pixel means nothing, and mostly is zero.
    """
    (info_bytes,) = struct.unpack_from("<I", data, 14)
    if info_bytes < _WITH_ALPHA_MASK or struct.unpack_from("<I", data, 30)[0] not in _WITH_MASKS:
        return False
    return data[_ALPHA_MASK_AT : _ALPHA_MASK_AT + 4].strip(b"\0") != b""
