"""JPEG (ITU-T T.81): no checksum and no length, so its end has to be found out.

libjpeg fills what is missing with grey and only warns. Four things are looked at instead:

- the end marker (EOI) must follow the last scan;
- a long run of zeros must not interrupt the data;
- a progressive file must hold the last refinement of every coefficient;
- where the last block came out as the grey of missing data, `with_other_bits` goes through the
  decoder too: a picture that is complete does not change, one that was cut does.

What stays unseen: damage in the middle that leaves as many blocks as there should be or more, and
the loss of finest detail where a progressive file was cut in its last scan and ended by hand.
"""

import re
import struct
from collections import defaultdict
from collections.abc import Iterator

from scoring.preprocessing.errors import CorruptImage, TruncatedImage
from scoring.preprocessing.formats.exif import UPRIGHT, orientation_of
from scoring.preprocessing.formats.header import Header

SIGNATURE = b"\xff\xd8\xff"
MISSING_GREY = 128  # what libjpeg gives to blocks without data
BLOCK = 8

_END = b"\xff\xd9"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_SCAN, _EOI, _EXIF = 0xDA, 0xD9, 0xE1
_HUFFMAN, _LUMINANCE_AC, _END_OF_BLOCK = 0xC4, 0x10, 0x00
_HOLE = bytes(64)
_COEFFICIENTS = 64
_next_marker = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL).search
_OTHER_BITS = bytes(range(7, 255, 11)) * 4


def read_header(data: bytes) -> Header:
    """Read the frame's size and the EXIF orientation, and see that the file has its end."""
    size: tuple[int, int] | None = None
    orientation = UPRIGHT
    for marker, start, end in _segments(data, 2):
        if marker in _FRAMES and end - start >= 6:
            height, width = struct.unpack_from(">HH", data, start + 1)
            size, frame = (width, height), (marker, start)
        elif marker == _EXIF and data.startswith(b"Exif\0\0", start):
            orientation = orientation_of(data[start:end])
        elif marker == _SCAN:
            break
    if size is None or not all(size):
        raise CorruptImage("JPEG without a frame before its scan")
    if frame[0] in _PROGRESSIVE:
        _check_scans(data, frame[1], start - 4)
    elif not data.endswith(_END) and data.find(_END, end) < 0:
        raise TruncatedImage("JPEG without its end marker")
    else:
        _check_for_hole(data, end)
    return Header("jpeg", *size, orientation)


def with_other_bits(data: bytes) -> bytes:
    """Put bits that mean something behind the data of the first scan.

    A decoder that has all its blocks never reads them; one that lacks some shows them. The data
    ends at the first marker, be it the end marker or one that damage has put in its midst.
    """
    scan = next(end for marker, _, end in _segments(data, 2) if marker == _SCAN)
    marker = _next_marker(data, scan)
    last = marker.start() if marker else len(data)
    return data[:last] + _OTHER_BITS + data[last:]


def _segments(data: bytes, offset: int) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment's body, up to the end marker.

    After a scan's header its entropy-coded data is skipped by searching the next marker.
    """
    while True:
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
        while marker == _HUFFMAN and start + 17 < end:
            if data[start] == _LUMINANCE_AC and data[start + 17] == _END_OF_BLOCK:
                return True
            start += 17 + sum(data[start + 1 : start + 17])
    return False


def _check_scans(data: bytes, frame: int, first_scan: int) -> None:
    """See that each component of a progressive frame got every coefficient to its last bit."""
    components = {data[frame + 6 + 3 * i] for i in range(data[frame + 5])}
    complete: defaultdict[int, set[int]] = defaultdict(set)
    for marker, start, end in _segments(data, first_scan):
        if marker != _SCAN or end - start < 6:
            continue
        first, last, low_bit = data[end - 3], data[end - 2], data[end - 1] & 0x0F
        if low_bit == 0:
            for i in range(data[start]):
                complete[data[start + 1 + 2 * i]].update(range(first, last + 1))
    if any(len(complete[component]) < _COEFFICIENTS for component in components):
        raise TruncatedImage("progressive JPEG without its last scans")
