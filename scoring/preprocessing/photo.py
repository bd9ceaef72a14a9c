"""Colour photographs of anything, at the size a network was trained on."""

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from scoring.preprocessing.decode import checked_header, decode_color
from scoring.preprocessing.pixels import DecodeLimits, Image, Pixels, Shape

_WHITE = 255
_CHANNELS = 3


@dataclass(frozen=True, slots=True)
class Photo:
    """The whole picture, its sides fitted to the shape: nothing is cut off, aspect is not kept.

    Channels are R, G, B; alpha on white; EXIF honoured. Area averaging where it shrinks, bilinear
    where it grows, so that no detail is skipped over.
    """

    name: str = "photo"
    version: int = 1

    def __call__(self, data: bytes, shape: Shape, limits: DecodeLimits) -> Pixels:
        """Make (height, width, 3) pixels. Raises DecodeError; ValueError for other channels."""
        height, width, channels = shape
        if channels != _CHANNELS:
            raise ValueError(f"this preprocessing makes three channels, not {shape}")
        header = checked_header(data, limits)
        colour = decode_color(data, header, behind=_WHITE)
        values = np.ascontiguousarray(_fitted(colour, height, width)).reshape(-1)
        return Pixels(values, None, header.note)


def _fitted(colour: Image, height: int, width: int) -> Image:
    shrinks = colour.shape[0] >= height and colour.shape[1] >= width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cast(Image, cv2.resize(colour, (width, height), interpolation=how))
