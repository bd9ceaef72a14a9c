"""TIFF → pixels as they are stored, by OpenCV, and what it does not notice is looked for before.

OpenCV reads most pictures strip by strip into colours, and where one cannot be unpacked it leaves
that part black and says nothing. Deflate has checksums, which are held against what is inflated.
LZW and PackBits have none; but of numbers of 16 bits OpenCV unpacks no strip that does not fill, so
the strips are read as such first. Those that are JPEGs are held to what any JPEG is. What else a
TIFF may be packed by is for Pillow, which tells, and which alone knows some ways.
"""

import zlib

import cv2
import numpy as np

from scoring.preprocessing.errors import CorruptImage
from scoring.preprocessing.formats import jpeg
from scoring.preprocessing.formats.tiff import DEFLATE, JPEG, LZW, PACK_BITS, Page, Piece
from scoring.preprocessing.imdecode import imdecode
from scoring.preprocessing.jpeg_pixels import decode_jpeg
from scoring.preprocessing.pillow_pixels import decode_by_pillow
from scoring.preprocessing.pixels import Image

_FILLED_UP = 4
_GREY_AND_ALPHA = 2  # a JPEG of two components is none outside of a TIFF
_COLOURS = 3
_AT_ONCE = 1 << 18
_LONGEST_SIDE = 1 << 20  # OpenCV's limit


def decode_tiff(data: bytes) -> Image:
    """Decode the first page of a file whose header was read.

    Returns uint8, or what OpenCV makes of deeper samples: (height, width) grey, or with three or
    four channels B, G, R, A; as stored, not turned. Raises CorruptImage or UnsupportedFormat.
    """
    page = Page(data)
    pixels = _decoded(data, page)
    if page.masked and pixels.ndim == 3:
        pixels = pixels[:, :, :_COLOURS]
    if page.negative and pixels.dtype == np.uint16:
        pixels = ~pixels
    return pixels


def _decoded(data: bytes, page: Page) -> Image:
    if page.compression in DEFLATE and page.bits_in_order:
        for piece in page.pieces:
            _check_inflating(data, piece)
    elif page.compression in (LZW, PACK_BITS):
        _check_unpacking(page)
    elif page.compression == JPEG and page.samples != _GREY_AND_ALPHA:
        for strip in page.jpegs():
            decode_jpeg(strip, jpeg.read_header(strip), "GRAY")
    alone = page.alone()
    if page.by_pillow:
        return decode_by_pillow(alone, "TIFF")
    try:
        return imdecode(alone, cv2.IMREAD_UNCHANGED)
    except CorruptImage:
        # Its strips are known to be whole: it is of a form that OpenCV does not read.
        return decode_by_pillow(alone, "TIFF")


def _check_inflating(data: bytes, piece: Piece) -> None:
    """Inflate a strip, little at a time, for the sake of its checksum and its length.

    The last one may be filled up with rows that are not shown; what is far longer is left alone.
    """
    needed = piece.rows * piece.row_bytes
    at_most = _FILLED_UP * needed + _AT_ONCE
    stream, rest, count = zlib.decompressobj(), data[piece.start : piece.start + piece.length], 0
    while not stream.eof and count <= at_most:
        try:
            inflated = stream.decompress(rest, _AT_ONCE)
        except zlib.error:
            raise CorruptImage("TIFF strip with a wrong checksum") from None
        if not inflated and not stream.eof:
            raise CorruptImage("TIFF strip without its end")
        rest, count = stream.unconsumed_tail, count + len(inflated)
    if count < needed:
        raise CorruptImage("TIFF strip without its last rows")


def _check_unpacking(page: Page) -> None:
    """Unpack the strips as numbers of 16 bits, those of the same size at once."""
    by_size: dict[int, list[Piece]] = {}
    for piece in page.pieces:
        by_size.setdefault(piece.rows, []).append(piece)
    for pieces in by_size.values():
        rows, width = _as_numbers(pieces[0])
        at_once = max(1, _LONGEST_SIDE // rows)
        for start in range(0, len(pieces) if 0 < width <= _LONGEST_SIDE else 0, at_once):
            _unpack(page, pieces[start : start + at_once], rows, width)


def _as_numbers(piece: Piece) -> tuple[int, int]:
    """Return rows and numbers a row that take up a piece's bytes, or all but a few at its end."""
    numbers = piece.rows * piece.row_bytes // 2
    return (1, numbers) if numbers <= _LONGEST_SIDE else (piece.rows, piece.row_bytes // 2)


def _unpack(page: Page, pieces: list[Piece], rows: int, width: int) -> None:
    try:
        imdecode(page.as_numbers(pieces, rows, width), cv2.IMREAD_UNCHANGED)
    except CorruptImage:
        raise CorruptImage("TIFF strip that cannot be unpacked") from None
