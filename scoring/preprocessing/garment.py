"""Garments as Fashion-MNIST shows them: one grey channel, light on black, in a small square."""

from typing import cast

import cv2
import numpy as np
from msgspec import Struct

from scoring.preprocessing.dataset_form import original_pixels
from scoring.preprocessing.decode import checked_header, decode_grey
from scoring.preprocessing.pixels import DecodeLimits, Image, Pixels, Shape

_BLACK = 0


class GarmentOnDark(Struct, frozen=True):
    """Version 1: for pictures whose background is dark already.

    Grey, alpha on black, EXIF honoured. An image in the data set's form gives the pixels it was
    made from; any other is padded with black to a centred square and reduced by area averaging.
    """

    name: str = "garment"
    version: int = 1

    def __call__(self, data: bytes, shape: Shape, limits: DecodeLimits) -> Pixels:
        """Make (side, side, 1) pixels. Raises DecodeError; ValueError for any other shape."""
        side = grey_square_side(shape)
        header = checked_header(data, limits)
        grey = decode_grey(data, header, behind=_BLACK)
        small = original_pixels(grey, side)
        if small is None:
            square = centred_on_square(grey, _BLACK)
            small = cast(Image, cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA))
        return Pixels(np.ascontiguousarray(small).reshape(-1), None, header.note)


def grey_square_side(shape: Shape) -> int:
    """Return the side of a square one-channel shape; raise ValueError for any other."""
    height, width, channels = shape
    if height != width or channels != 1:
        raise ValueError(f"this preprocessing makes square grey images, not {shape}")
    return height


def centred_on_square(grey: Image, level: int) -> Image:
    """Pad (height, width) with `level` to a square, the image in its middle."""
    height, width = grey.shape
    if height == width:
        return grey
    side = max(height, width)
    square = np.full((side, side), level, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = grey
    return square
