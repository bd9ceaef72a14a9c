"""A picture for people of an image file: upright, at most 256 pixels long, without metadata.

It is made to be cheap, for a run makes many: a small PNG is taken as it is, a JPEG decoded at the
eighths of its size that come nearest.
"""

from __future__ import annotations

from typing import Literal, cast

import cv2
import numpy as np
import simplejpeg
from msgspec import Struct

from scoring.preprocessing.decode import checked_header, decode_color
from scoring.preprocessing.formats import Header, png
from scoring.preprocessing.formats.exif import UPRIGHT
from scoring.preprocessing.jpeg_pixels import EIGHTHS, scaled
from scoring.preprocessing.pixels import DecodeLimits, Image

LONGEST = 256  # pixels
# A JPEG that comes so long at some eighths is not decoded larger, only to be shrunk.
LONG_ENOUGH = 200
SMALL_PNG_BYTES = 65_536
_QUALITY = 85
_WHITE = 255
_CELLS = 8
_HALVED_SIDE = 100  # pixels; shorter ones are soon put into cells, data-set images among them
_NOISE = 4  # levels that two cells differ by where nothing is to be seen


class Thumbnail(Struct, frozen=True, eq=False):
    """What a browser shows; ``pixels`` are what tells how it looks, None where others do."""

    data: bytes
    media_type: Literal["image/png", "image/jpeg"]
    pixels: Image | None = None

    @property
    def near(self) -> int:
        """Return 64 bits that pictures which look the same share but for a few."""
        return 0 if self.pixels is None else near_bits(self.pixels)


def thumbnail(data: bytes, limits: DecodeLimits) -> Thumbnail:
    """Return the picture of an image file. Raises DecodeError."""
    header = checked_header(data, limits)
    colour = decode_color(data, header, _WHITE, _enough(header))
    if _may_stay(data, header):
        return Thumbnail(_picture_only(data, header), "image/png", colour)
    return thumbnail_of(colour)


def small_png(data: bytes, limits: DecodeLimits) -> bytes | None:
    """Return a small PNG that has been decoded before without its remarks; None: it is none."""
    header = checked_header(data, limits)
    return _picture_only(data, header) if _may_stay(data, header) else None


def thumbnail_of(colour: Image) -> Thumbnail:
    """Return the picture of upright pixels (height, width, 3) in the order R, G, B."""
    height, width = colour.shape[:2]
    scale = LONGEST / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        colour = cast(Image, cv2.resize(colour, size, interpolation=cv2.INTER_AREA))
    image = np.ascontiguousarray(colour)
    data = simplejpeg.encode_jpeg(image, _QUALITY, "RGB", "420", False)
    return Thumbnail(bytes(data), "image/jpeg", colour)


def near_bits(image: Image) -> int:
    """Return of each of 8 x 8 cells whether it is clearly darker than its right neighbour.

    image: (height, width) or (height, width, 1 or 3).
    """
    grey = cv2.extractChannel(image, image.shape[2] // 2) if image.ndim == 3 else image
    # Two by two is the cheapest of means, the one that goes into nine columns the dearest.
    while min(grey.shape) >= _HALVED_SIDE and not any(side % 2 for side in grey.shape):
        half = (grey.shape[1] // 2, grey.shape[0] // 2)
        grey = cv2.resize(grey, half, interpolation=cv2.INTER_AREA)
    cells = cv2.resize(grey, (_CELLS + 1, _CELLS), interpolation=cv2.INTER_AREA)
    darker = cells[:, :-1].astype(np.int16) + _NOISE < cells[:, 1:]
    return int.from_bytes(np.packbits(darker).tobytes())


def _may_stay(data: bytes, header: Header) -> bool:
    """Tell whether a browser shows the file itself, as small as it is to be."""
    is_small = max(header.width, header.height) <= LONGEST and len(data) <= SMALL_PNG_BYTES
    return is_small and header.format == "png" and header.orientation == UPRIGHT


def _picture_only(data: bytes, header: Header) -> bytes:
    return data if header.plain else png.picture_only(data)


def _enough(header: Header) -> tuple[int, int]:
    """Return the height and width to decode at least."""
    height, width = header.upright
    longest = max(height, width)
    for eighths in reversed(EIGHTHS):
        if LONG_ENOUGH <= scaled(longest, eighths) <= LONGEST:
            return scaled(height, eighths), scaled(width, eighths)
    scale = min(1.0, LONGEST / longest)
    return max(1, round(height * scale)), max(1, round(width * scale))
