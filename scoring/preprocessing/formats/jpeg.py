"""JPEG (ITU-T T.81): the head is read here; what the data lacks, the decoder finds (jpeg_pixels).

Two faults it may take for a picture, so they are looked for:

- a file of several scans that ends cleanly after one of them looks coarse or colourless only:
  every component must have got each of its coefficients, to the last bit;
- a run of zeros, a sector that was never written, decodes to as many blocks as were there where
  the quality is high.

The decoder cannot be interrupted, so what it will do is bounded before it starts: by segments, by
scans, and by scans times pixels, for it passes over the whole picture once a scan.

Nor does it get a lossless file: asked for one at some eighths of its size, libjpeg-turbo writes it
whole, far behind the end of the memory for the small one.
"""

import re
import struct
from collections.abc import Iterator

from scoring.preprocessing.errors import (
    CorruptImage,
    DecodeError,
    TooMuchWork,
    TruncatedImage,
    UnsupportedFormat,
)
from scoring.preprocessing.formats.exif import UPRIGHT, orientation_of
from scoring.preprocessing.formats.header import Header

SIGNATURE = b"\xff\xd8\xff"

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = frozenset((0xC0, 0xC1, 0xC9))
_PROGRESSIVE = frozenset((0xC2, 0xCA))
_ARITHMETIC = frozenset((0xC9, 0xCA))
_DECODED = _SEQUENTIAL | _PROGRESSIVE
_BITS = 8  # a sample
_SCAN, _EOI, _JFIF, _EXIF, _ADOBE = 0xDA, 0xD9, 0xE0, 0xE1, 0xEE
_REMARKS = frozenset((*range(0xE0, 0xF0), 0xFE))
# 64 MB hold 1,024 segments of full length, the way profiles and thumbnails are stored; cameras and
# editors write some dozens.
_MAX_SEGMENTS = 5_000
# libjpeg's own script for progressive files has 10 scans; no program is known that writes 20.
_MAX_SCANS = 100
_MAX_SCANNED_PIXELS = 2_500_000_000  # 25 scans of 100 megapixels, a few seconds of one core
_MAX_IN_SCAN = 4  # components, T.81 B.2.3
_MAX_TABLES = 8  # in one segment: four for DC and four for AC, T.81 B.2.4.2
_COEFFICIENTS = 64
_HOLE = bytes(64)
_HUFFMAN, _LUMINANCE_AC, _END_OF_BLOCK = 0xC4, 0x10, 0x00
# Not preceded by a length: stuffed zeros, fill bytes, restarts, and TEM. Of a run of 0xFF it is the
# last that counts: looking for the whole run takes quadratic time where no marker ends it.
_next_marker = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd7]", re.DOTALL).search
_OTHER_BITS = bytes(range(244, 8, -11)) * 4  # ones first: decoders make up zeros


def read_header(data: bytes) -> Header:
    """Read the size and the EXIF orientation; no scan may be missing, none hold a hole."""
    size: tuple[int, int] | None = None
    head = _head(data)
    _refuse_rare_kinds(data, head)
    for marker, start, end in head:
        if marker in _FRAMES and end - start >= 6:
            height, width = struct.unpack_from(">HH", data, start + 1)
            size, kind, components = (width, height), marker, set(data[start + 6 : end : 3])
    if size is None or not all(size):
        raise CorruptImage("JPEG without a frame before its scan")
    in_one_scan = int.from_bytes(data[start : start + 1]) == len(components)
    if kind in _PROGRESSIVE or (kind in _SEQUENTIAL and not in_one_scan):
        scans = _check_scans(data, kind, components, start - 4)
        if scans * size[0] * size[1] > _MAX_SCANNED_PIXELS:
            raise TooMuchWork(f"JPEG of {scans} scans, too many for its size")
    elif kind in _SEQUENTIAL - _ARITHMETIC:
        _check_for_hole(data, end)
    return Header("jpeg", *size, _orientation(data, head))


def orientation(data: bytes) -> int:
    """Read the EXIF orientation of a file that may be cut off. Raises DecodeError."""
    return _orientation(data, _head(data))


def is_decodable(data: bytes) -> bool:
    """Tell whether a file, cut off or damaged perhaps, is of a kind that a decoder may be given."""
    try:
        _refuse_rare_kinds(data, _head(data))
    except DecodeError:
        return False
    return True


def mended(data: bytes) -> bytes:
    """Return the file without what decoders warn of though it costs no part of the picture.

    That is: bytes between the segments of the head, a version of JFIF or a colour code of Adobe
    that nobody knows, a broken colour profile, and a sequential scan that gives no full band of
    coefficients. Raises TruncatedImage.
    """
    head = _head(data)
    frame = next((data[start:end] for marker, start, end in head if marker in _FRAMES), b"")
    parts = [data[:2]]
    for marker, start, end in head:
        body = data[start:end]
        if marker == _JFIF and body.startswith(b"JFIF\0"):
            body = body[:5] + b"\1\1" + body[7:]
        elif marker == _ADOBE and body.startswith(b"Adobe") and body[11:12] != b"\0":
            body = body[:11] + (b"\2" if frame[5:6] == b"\4" else b"\1") + body[12:]
        elif marker in _REMARKS:
            continue
        parts.append(struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body)
    return _with_full_bands(b"".join((*parts, data[end:])))


def with_other_bits(data: bytes) -> bytes:
    """Put bits that mean something behind the data of the first scan.

    A decoder that has all its blocks never reads them; one that lacks some shows them. The data
    ends at the first marker, be it the end marker or one that damage has put in its midst.
    Arithmetic coding may leave out its last bytes, so such a file stays as it is.
    Raises TruncatedImage where no marker follows.
    """
    head = {marker: end for marker, _, end in _head(data)}
    if head.keys() & _ARITHMETIC:
        return data
    found = _next_marker(data, head[_SCAN])
    if found is None:
        raise TruncatedImage("JPEG without its end marker")
    scanned = data[: found.start()].rstrip(b"\xff")
    return scanned + _OTHER_BITS + data[len(scanned) :]


def _segments(data: bytes, offset: int) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment's body, up to the end marker.

    After a scan's header its entropy-coded data is skipped by searching the next marker.
    """
    for _ in range(_MAX_SEGMENTS):
        found = _next_marker(data, offset)
        if found is None:
            raise TruncatedImage("JPEG without its end marker")
        marker, start = data[found.end() - 1], found.end() + 2
        if marker == _EOI:
            return
        if start > len(data):
            raise TruncatedImage("JPEG ends inside a segment")
        end = start - 2 + int.from_bytes(data[start - 2 : start])
        if end < start:
            raise CorruptImage("JPEG segment of negative length")
        if end > len(data):
            raise TruncatedImage("JPEG ends inside a segment")
        yield marker, start, end
        offset = end
    raise TooMuchWork(f"JPEG of more than {_MAX_SEGMENTS:,} segments")


def _head(data: bytes) -> list[tuple[int, int, int]]:
    """List the segments up to the first scan's. Raises CorruptImage where there is none."""
    segments = []
    for segment in _segments(data, 2):
        segments.append(segment)
        if segment[0] == _SCAN:
            return segments
    raise CorruptImage("JPEG without a scan")


def _orientation(data: bytes, head: list[tuple[int, int, int]]) -> int:
    """Of two EXIF blocks the first counts."""
    for marker, start, end in head:
        if marker == _EXIF and data.startswith(b"Exif\0\0", start):
            return orientation_of(data[start:end])
    return UPRIGHT


def _refuse_rare_kinds(data: bytes, head: list[tuple[int, int, int]]) -> None:
    """Raise UnsupportedFormat for a frame that is lossless, hierarchical or of more than 8 bits."""
    for marker, start, _ in head:
        if marker in _FRAMES and (marker not in _DECODED or data[start] != _BITS):
            raise UnsupportedFormat("JPEG (lossless, or of more than 8 bits a colour)")


def _with_full_bands(data: bytes) -> bytes:
    """Let each scan of a sequential frame say what it holds in any case: all coefficients."""
    whole = bytearray(data)
    sequential = False
    for marker, start, end in _segments(data, 2):
        if marker in _FRAMES:
            sequential = marker in _SEQUENTIAL
        elif marker == _SCAN and sequential and end - start >= 6:
            whole[end - 3 : end] = bytes((0, _COEFFICIENTS - 1, 0))
    return bytes(whole)


def _check_for_hole(data: bytes, scan: int) -> None:
    """Refuse a run of zeros amid a sequential scan: a sector that was never written.

    Zeros are what an encoder writes only where the shortest code for luminance means "nothing
    more in this block"; with the standard's own tables it means something else.
    """
    hole = data.find(_HOLE, scan)
    if hole < 0 or _zeros_may_be_blank(data):
        return
    marker = _next_marker(data, scan)
    if marker is None or hole < marker.start():
        raise CorruptImage("JPEG with a hole of zeros")


def _zeros_may_be_blank(data: bytes) -> bool:
    for marker, start, end in _segments(data, 2):
        if marker == _SCAN:
            return False
        for _ in range(_MAX_TABLES):
            if marker != _HUFFMAN or start + 17 >= end:
                break
            if data[start] == _LUMINANCE_AC and data[start + 17] == _END_OF_BLOCK:
                return True
            start += 17 + sum(data[start + 1 : start + 17])
    return False


def _check_scans(data: bytes, kind: int, components: set[int], first_scan: int) -> int:
    """Return how many scans there are; each component must get every coefficient to its last bit.

    Raises TruncatedImage, CorruptImage, or TooMuchWork.
    """
    lacking = {component: set(range(_COEFFICIENTS)) for component in components}
    scans = 0
    for marker, start, end in _segments(data, first_scan):
        if marker != _SCAN or end - start < 6:
            continue
        scans += 1
        if scans > _MAX_SCANS:
            raise TooMuchWork(f"JPEG of more than {_MAX_SCANS} scans")
        if data[start] > _MAX_IN_SCAN:
            raise CorruptImage("JPEG scan of too many components")
        first, last, bits = data[end - 3 : end]
        if kind in _SEQUENTIAL:
            first, last, bits = 0, _COEFFICIENTS - 1, 0
        if bits & 0x0F == 0:
            for component in data[start + 1 : end - 3 : 2][:_MAX_IN_SCAN]:
                lacking.get(component, set()).difference_update(range(first, last + 1))
    if any(lacking.values()):
        raise TruncatedImage("JPEG without its last scans")
    return scans
