"""WebP (RFC 9649): a RIFF file whose first chunk says lossy, lossless or extended."""

import struct

from scoring.preprocessing.errors import (
    CorruptImage,
    TooMuchWork,
    TruncatedImage,
    UnknownFormat,
)
from scoring.preprocessing.formats.exif import UPRIGHT, orientation_of
from scoring.preprocessing.formats.header import FIRST_FRAME, Header

SIGNATURE = b"RIFF"
_RIFF_HEAD = 8
_FIRST_CHUNK = 12
_FOURTEEN_BITS = 0x3FFF
_MAX_CHUNKS = 70_000  # a frame is one: three quarters of an hour at 25 a second


def read_header(data: bytes) -> Header:
    """Read the canvas size; of an extended file orientation and whether it is an animation."""
    if data[8:12] != b"WEBP":
        raise UnknownFormat
    try:
        (riff_bytes,) = struct.unpack_from("<I", data, 4)
        width, height = _size(data)
    except struct.error:
        raise TruncatedImage("WebP ends inside its header") from None
    if riff_bytes + _RIFF_HEAD > len(data):
        raise TruncatedImage("WebP ends before its announced length")
    orientation, frames = _remarks(data)
    return Header("webp", width, height, orientation, note=FIRST_FRAME if frames > 1 else None)


def _size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":  # canvas minus one, 24 bits each
        low, high = struct.unpack_from("<IH", data, 24)
        return (low & 0xFFFFFF) + 1, ((low >> 24) | (high << 8)) + 1
    if kind == b"VP8L":  # size minus one, 14 bits each, after a byte of signature
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & _FOURTEEN_BITS) + 1, (bits >> 14 & _FOURTEEN_BITS) + 1
    if kind == b"VP8 ":  # after the frame tag and start code; the top two bits are a scale
        width, height = struct.unpack_from("<HH", data, 26)
        return width & _FOURTEEN_BITS, height & _FOURTEEN_BITS
    raise CorruptImage("WebP without a picture chunk")


def _remarks(data: bytes) -> tuple[int, int]:
    """Return the orientation and how many frames there are, none in a still."""
    if data[12:16] != b"VP8X":
        return UPRIGHT, 0
    orientation, frames, offset = None, 0, _FIRST_CHUNK
    for _ in range(_MAX_CHUNKS):
        if offset + 8 > len(data):
            return orientation or UPRIGHT, frames
        kind, length = struct.unpack_from("<4sI", data, offset)
        frames += kind == b"ANMF"
        if kind == b"EXIF" and orientation is None:
            orientation = orientation_of(data[offset + 8 : offset + 8 + length])
        offset += 8 + length + length % 2
    raise TooMuchWork(f"WebP of more than {_MAX_CHUNKS:,} chunks")
