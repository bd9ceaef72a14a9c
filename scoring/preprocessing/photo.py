"""Colour photographs of anything, at the size a network was trained on."""

from typing import cast

import cv2
import numpy as np
from msgspec import Struct

from scoring.preprocessing.decode import checked_header, decode_color
from scoring.preprocessing.pixels import DecodeLimits, Image, Pixels, Shape

PHOTO = "photo"
_WHITE = 255
_CHANNELS = 3
_MOST_SQUEEZE = 4 / 3  # a photograph of 3 : 4 fills a square
_PADDING = 124  # the mean of photographs, which most networks take for nothing


class Photo(Struct, frozen=True):
    """Version 1: the whole picture fitted to the shape; nothing is cut off, aspect is not kept.

    Channels are R, G, B; alpha on white; EXIF honoured. Area averaging where it shrinks, bilinear
    where it grows, so that no detail is skipped over.
    """

    name: str = PHOTO
    version: int = 1

    def __call__(self, data: bytes, shape: Shape, limits: DecodeLimits) -> Pixels:
        """Make (height, width, 3) pixels. Raises DecodeError; ValueError for other channels."""
        height, width = _sides(shape)
        header = checked_header(data, limits)
        colour = decode_color(data, header, behind=_WHITE)
        values = np.ascontiguousarray(_fitted(colour, height, width)).reshape(-1)
        return Pixels(values, None, header.note, header.upright)


class PaddedPhoto(Struct, frozen=True):
    """Version 2: the whole picture, its aspect changed by 4/3 at most, in the middle of grey.

    Channels, alpha, EXIF and resizing are those of version 1. Of a JPEG no more is decoded than
    the shape can show; `reduced=False` decodes it whole (for comparison).
    """

    name: str = PHOTO
    version: int = 2
    reduced: bool = True

    def __call__(self, data: bytes, shape: Shape, limits: DecodeLimits) -> Pixels:
        """Make (height, width, 3) pixels. Raises DecodeError; ValueError for other channels."""
        height, width = _sides(shape)
        header = checked_header(data, limits)
        inner = _mildly_squeezed(*header.upright, height, width)
        colour = decode_color(data, header, _WHITE, inner if self.reduced else None)
        values = _centred(_fitted(colour, *inner), height, width).reshape(-1)
        return Pixels(values, None, header.note, header.upright)


def unfitted(pixels: Image, version: int, upright: tuple[int, int]) -> Image:
    """Return a photograph as it was before it was fitted, at the size it has; uint8 (H, W, 3).

    The padding is cut off and the squeeze undone: by shrinking one side, so that no pixel is made
    up. `upright` is the height and width of the picture itself.
    """
    height, width, _ = pixels.shape
    inner = _inner(version, upright, height, width)
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    whole = pixels[top : top + inner[0], left : left + inner[1]]
    scale = min(inner[0] / upright[0], inner[1] / upright[1])
    size = (max(1, round(upright[1] * scale)), max(1, round(upright[0] * scale)))
    if size == (inner[1], inner[0]):
        return whole
    # A side that shrinks by 4/3 at most looks the same, at a third of the time.
    how = cv2.INTER_AREA if version == 1 else cv2.INTER_LINEAR
    return cast(Image, cv2.resize(whole, size, interpolation=how))


def _inner(version: int, upright: tuple[int, int], height: int, width: int) -> tuple[int, int]:
    """Return what of the pixels is the picture, which version 1 fits without padding."""
    return (height, width) if version == 1 else _mildly_squeezed(*upright, height, width)


def _sides(shape: Shape) -> tuple[int, int]:
    height, width, channels = shape
    if channels != _CHANNELS:
        raise ValueError(f"this preprocessing makes three channels, not {shape}")
    return height, width


def _mildly_squeezed(own_height: int, own_width: int, height: int, width: int) -> tuple[int, int]:
    """Return height and width of a picture within (height, width), one of which it fills.

    Its longer side, measured by the shape's, is squeezed as far as that is allowed.
    """
    tall, wide = own_height * width, own_width * height
    keep = max(1.0, max(tall, wide) / min(tall, wide) / _MOST_SQUEEZE)
    if tall >= wide:
        return height, max(1, round(width / keep))
    return max(1, round(height / keep)), width


def _fitted(colour: Image, height: int, width: int) -> Image:
    shrinks = colour.shape[0] >= height and colour.shape[1] >= width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cast(Image, cv2.resize(colour, (width, height), interpolation=how))


def _centred(colour: Image, height: int, width: int) -> Image:
    """Put the picture into the middle of grey; an odd row or column is below or at the right."""
    if colour.shape[:2] == (height, width):
        return np.ascontiguousarray(colour)
    padded = np.full((height, width, _CHANNELS), _PADDING, np.uint8)
    top, left = (height - colour.shape[0]) // 2, (width - colour.shape[1]) // 2
    padded[top : top + colour.shape[0], left : left + colour.shape[1]] = colour
    return padded
