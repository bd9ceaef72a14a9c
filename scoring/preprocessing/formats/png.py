"""PNG (ISO/IEC 15948): every chunk carries its length and a CRC, so damage is always seen."""

import struct
import zlib

from scoring.preprocessing.errors import CorruptImage, TruncatedImage
from scoring.preprocessing.formats.exif import UPRIGHT, orientation_of
from scoring.preprocessing.formats.header import Header

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IHDR_BYTES = 13
_CHUNK_FRAME = 12
_COLOUR_CHUNKS = frozenset({b"iCCP", b"sRGB", b"gAMA", b"cHRM"})
_chunk_head = struct.Struct(">I4s").unpack_from
_crc = struct.Struct(">I").unpack_from
_size = struct.Struct(">II").unpack_from


def read_header(data: bytes) -> Header:
    """Walk the chunks up to IEND, checking each CRC."""
    orientation = UPRIGHT
    seen_data = False
    offset = len(SIGNATURE)
    kind = b""
    while kind != b"IEND":
        first = offset == len(SIGNATURE)
        kind, offset, body = _next_chunk(data, offset)
        if first and (kind != b"IHDR" or len(body) != _IHDR_BYTES):
            raise CorruptImage("PNG without its header chunk")
        if kind == b"IDAT":
            seen_data = True
        elif kind == b"eXIf":
            orientation = orientation_of(bytes(body))
    if not seen_data:
        raise CorruptImage("PNG without picture data")
    width, height = _size(data, 16)
    if not width or not height:
        raise CorruptImage("PNG without size")
    return Header("png", width, height, orientation)


def without_profile(data: bytes) -> bytes:
    """Leave out what a checked PNG says of its colours, all of which stands before its pixels.

    OpenCV does not heed it, but libpng prints a warning for many a profile that programs write.
    """
    kept = [SIGNATURE]
    start = len(SIGNATURE)
    length, kind = _chunk_head(data, start)
    while kind != b"IDAT":
        end = start + _CHUNK_FRAME + length
        if kind not in _COLOUR_CHUNKS:
            kept.append(data[start:end])
        start = end
        length, kind = _chunk_head(data, start)
    return b"".join((*kept, data[start:])) if start > sum(map(len, kept)) else data


def _next_chunk(data: bytes, offset: int) -> tuple[bytes, int, memoryview]:
    """Return the chunk's type, where the next one starts, and its body."""
    if offset + _CHUNK_FRAME > len(data):
        raise TruncatedImage("PNG ends before its end chunk")
    length, kind = _chunk_head(data, offset)
    end = offset + _CHUNK_FRAME + length
    if end > len(data):
        raise TruncatedImage("PNG ends inside a chunk")
    view = memoryview(data)
    if zlib.crc32(view[offset + 4 : end - 4]) != _crc(data, end - 4)[0]:
        raise CorruptImage(f"PNG checksum of chunk {kind.decode('ascii', 'replace')!r}")
    return kind, end, view[offset + 8 : end - 4]
