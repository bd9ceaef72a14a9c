"""Bytes of an image file → upright 8-bit pixels, or a DecodeError that says what is wrong.

The header is judged first (formats/), then the file is decoded once (a JPEG by jpeg_pixels, all
else by OpenCV), and what came out is held against the header. Fully transparent colours do not
exist for a model: alpha is composited on a grey level that the preprocessing chooses.
"""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from scoring.preprocessing.errors import (
    CorruptImage,
    DecodeError,
    EmptyFile,
    FileTooLarge,
    TooManyPixels,
    TooMuchWork,
    TruncatedImage,
    UnknownFormat,
    UnsupportedFormat,
    UnsupportedPixels,
)
from scoring.preprocessing.formats import Header, bmp, gif, png, read_header
from scoring.preprocessing.imdecode import imdecode
from scoring.preprocessing.jpeg_pixels import EIGHTHS, WHOLE, decode_jpeg, scaled
from scoring.preprocessing.pillow_pixels import decode_by_pillow
from scoring.preprocessing.pixels import DecodeLimits, Image
from scoring.preprocessing.tiff_pixels import decode_tiff

__all__ = [
    "CorruptImage",
    "DecodeError",
    "DecodeLimits",
    "EmptyFile",
    "FileTooLarge",
    "TooManyPixels",
    "TooMuchWork",
    "TruncatedImage",
    "UnknownFormat",
    "UnsupportedFormat",
    "UnsupportedPixels",
    "checked_header",
    "decode_color",
    "decode_grey",
]

_AT_ONCE = 1 << 18  # pixels
_DIVISORS = (2, 4, 8)
_SIXTEEN_TO_EIGHT_BITS = 1 / 257
_OPAQUE = cv2.IMREAD_COLOR_BGR | cv2.IMREAD_IGNORE_ORIENTATION


def checked_header(data: bytes, limits: DecodeLimits) -> Header:
    """Read the header and refuse what is empty, too large, cut short or of no known format.

    Raises DecodeError. Nothing is decoded; cost and memory do not grow with the picture.
    """
    if not data:
        raise EmptyFile
    if len(data) > limits.max_bytes:
        raise FileTooLarge(len(data), limits.max_bytes)
    header = read_header(data)
    if header.width * header.height > limits.max_pixels:
        raise TooManyPixels(header.width, header.height, limits.max_pixels)
    if limits.reserve:
        limits.reserve(header.width * header.height, header.bytes_per_pixel)
    return header


def decode_grey(data: bytes, header: Header, behind: int, enough: int | None = None) -> Image:
    """Decode to grey, uint8 (height, width), upright; alpha composited on the level `behind`.

    Colours become grey by ITU-R BT.601 luma; equal channels keep their value exactly. Where the
    longest side need only be `enough` pixels, a JPEG may come at 1/2, 1/4 or 1/8 of its size (but
    not under that): the decoder leaves out what would be averaged away.
    Raises DecodeError.
    """
    if header.format == "jpeg":
        eighths = WHOLE // _divisor(header, enough)
        pixels = decode_jpeg(data, header, "GRAY", eighths)
        _check_size(pixels, header, eighths)
        return upright(pixels, header.orientation)
    stored = _decode_as_stored(data, header)
    pixels = stored if stored.ndim == 2 else cast(Image, cv2.cvtColor(stored, cv2.COLOR_BGR2GRAY))
    if _is_see_through(stored):
        _lay_over(pixels, stored[:, :, 3], behind, header.premultiplied)
    return upright(pixels, header.orientation)


def decode_color(
    data: bytes, header: Header, behind: int, at_least: tuple[int, int] | None = None
) -> Image:
    """Decode to colour, uint8 (height, width, 3) in the order R, G, B, upright.

    Alpha is composited on the grey level `behind`. A JPEG may come at some eighths of its size,
    but with neither side under `at_least`, the height and width that are needed of it upright.
    Raises DecodeError.
    """
    if header.format == "jpeg":
        eighths = _eighths(header, at_least)
        pixels = decode_jpeg(data, header, "RGB", eighths)
        _check_size(pixels, header, eighths)
        return upright(pixels, header.orientation)
    stored = _decode_as_stored(data, header)
    order = cv2.COLOR_GRAY2RGB if stored.ndim == 2 else cv2.COLOR_BGR2RGB
    pixels = cast(Image, cv2.cvtColor(stored, order))
    if _is_see_through(stored):
        for channel in range(3):
            _lay_over(pixels[:, :, channel], stored[:, :, 3], behind, header.premultiplied)
    return upright(pixels, header.orientation)


def upright(pixels: Image, orientation: int) -> Image:
    """Apply an EXIF orientation (1 to 8, CIPA DC-008) to (height, width[, channels])."""
    if orientation >= 5:
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _divisor(header: Header, enough: int | None) -> int:
    """Return the largest of 1, 2, 4, 8 that leaves the longest side at least `enough`."""
    if enough is None:
        return 1
    longest = max(header.width, header.height)
    return max((d for d in _DIVISORS if longest >= d * enough), default=1)


def _eighths(header: Header, at_least: tuple[int, int] | None) -> int:
    """Return the least scale that leaves height and width at least so long; else the whole."""
    if at_least is None:
        return WHOLE
    sides = tuple(zip(header.upright, at_least, strict=True))
    fitting = (e for e in EIGHTHS if all(scaled(side, e) >= least for side, least in sides))
    return next(fitting, WHOLE)


def _decode_as_stored(data: bytes, header: Header) -> Image:
    """Decode keeping alpha; 16 bits become 8; EXIF is left alone."""
    pixels = _decoded(data, header)
    _check_size(pixels, header)
    if pixels.dtype == np.uint16:
        return cast(Image, cv2.convertScaleAbs(pixels, alpha=_SIXTEEN_TO_EIGHT_BITS))
    if pixels.dtype != np.uint8:
        raise UnsupportedPixels(str(pixels.dtype))
    return pixels


def _decoded(data: bytes, header: Header) -> Image:
    match header.format:
        case "png":
            return _decoded_png(data if header.plain else png.picture_only(data))
        case "gif":
            data = gif.first_picture_only(data)
        case "tiff":
            return decode_tiff(data)
        case "avif":
            return decode_by_pillow(data, "AVIF")
        case "heif":
            return decode_by_pillow(data, "HEIF")
        case "bmp":
            return _decoded_bmp(data)
    return imdecode(data, cv2.IMREAD_UNCHANGED)


def _decoded_bmp(data: bytes) -> Image:
    """Decode; alpha that is zero everywhere is none: programs leave it so, browsers pass it by."""
    if bmp.has_rare_masks(data):
        try:
            return decode_by_pillow(data, "BMP")
        except CorruptImage:  # all its rows are there
            raise UnsupportedFormat("BMP (with colour masks that few programs know)") from None
    if not bmp.has_alpha(data):
        return imdecode(data, _OPAQUE)
    pixels = imdecode(data, cv2.IMREAD_UNCHANGED)
    return pixels if pixels[:, :, 3:].any() else pixels[:, :, :3]


def _decoded_png(data: bytes) -> Image:
    pixels = imdecode(data, cv2.IMREAD_UNCHANGED)
    level = png.transparent_level(data)
    if level is None or pixels.ndim != 2:
        return pixels
    opaque = np.iinfo(pixels.dtype).max
    alpha = np.where(pixels == level, 0, opaque).astype(pixels.dtype)
    return np.dstack([pixels, pixels, pixels, alpha])


def _check_size(pixels: Image, header: Header, eighths: int = WHOLE) -> None:
    """Hold the decoded size against the header's, at the scale asked for or a larger one."""
    height, width = pixels.shape[:2]
    if eighths == WHOLE and (height, width) == (header.height, header.width):
        return
    scales = (e for e in EIGHTHS if e >= eighths)
    if not any(
        (height, width) == (scaled(header.height, e), scaled(header.width, e)) for e in scales
    ):
        raise CorruptImage(
            f"header says {header.width} x {header.height}, content {width} x {height}"
        )


def _is_see_through(pixels: Image) -> bool:
    return pixels.ndim == 3 and pixels.shape[2] == 4 and int(pixels[:, :, 3].min()) < 255


def _lay_over(plane: Image, alpha: Image, behind: int, premultiplied: bool) -> None:
    """Lay one channel over a grey level, in place: all at once would take ten times its memory."""
    rows = max(1, _AT_ONCE // plane.shape[1])
    for start in range(0, len(plane), rows):
        part = slice(start, start + rows)
        plane[part] = _over(plane[part], alpha[part], behind, premultiplied)


def _over(plane: Image, alpha: Image, behind: int, premultiplied: bool) -> Image:
    """Lay one channel over a grey level. Sixteen bits hold the sum: 255 * 255 + 127 < 65,536."""
    weight: NDArray[np.uint16] = alpha.astype(np.uint16)
    own = np.minimum(plane, alpha) * np.uint16(255) if premultiplied else plane * weight
    mixed = own + np.uint16(behind) * (255 - weight) + np.uint16(127)
    return cast(Image, (mixed // 255).astype(np.uint8))
