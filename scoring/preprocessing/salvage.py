"""What can still be shown of an image file that cannot be scored: cut off, damaged, too large.

A person who sees half of a picture often knows what it is, and which one is to be copied again.
Nothing of it ever reaches a model.
"""

from __future__ import annotations

import io
from typing import cast

import numpy as np
import simplejpeg
from msgspec.structs import replace

from scoring.preprocessing.decode import upright
from scoring.preprocessing.errors import (
    CorruptImage,
    DecodeError,
    TooManyPixels,
    TruncatedImage,
)
from scoring.preprocessing.formats import bmp, gif, jpeg, png
from scoring.preprocessing.formats.exif import orientation_of
from scoring.preprocessing.pixels import DecodeLimits, Image
from scoring.preprocessing.thumbnail import LONGEST, Thumbnail, thumbnail, thumbnail_of

# Decoded at an eighth, a JPEG takes little more than what it is shown at.
_LARGER = 4
_BY_PILLOW = ((png.SIGNATURE, "PNG"), (bmp.SIGNATURE, "BMP"), (gif.SIGNATURES, "GIF"))


def salvaged(data: bytes, limits: DecodeLimits) -> Thumbnail | None:
    """Return a picture of what is whole of an image file; None where nothing is to be shown."""
    try:
        return thumbnail(data, limits)
    except (TruncatedImage, CorruptImage):
        colour = _leniently(data, limits)
    except TooManyPixels:
        larger = replace(limits, max_pixels=_LARGER * limits.max_pixels)
        colour = _jpeg(data, larger) if data.startswith(jpeg.SIGNATURE) else None
    except DecodeError:
        return None
    return None if colour is None else thumbnail_of(colour)


# Of memory for each pixel, at most.
_JPEG_BYTES, _PILLOW_BYTES = 6, 8


def _leniently(data: bytes, limits: DecodeLimits) -> Image | None:
    if data.startswith(jpeg.SIGNATURE):
        return _jpeg(data, limits)
    for signature, kind in _BY_PILLOW:
        if data.startswith(signature):
            return _by_pillow(data, kind, limits)
    return None


def _jpeg(data: bytes, limits: DecodeLimits) -> Image | None:
    """Decode as far as the data goes; what is missing is grey."""
    if not jpeg.is_decodable(data):
        return None
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data, strict=False)
        if height * width > limits.max_pixels:
            return None
        if limits.reserve:
            limits.reserve(height * width, _JPEG_BYTES)
        scale = LONGEST / max(height, width, LONGEST)
        least = {"min_height": round(height * scale), "min_width": round(width * scale)}
        stored = cast(Image, simplejpeg.decode_jpeg(data, "RGB", strict=False, **least))
        return upright(stored, jpeg.orientation(data))
    except Exception:  # of a head that names no way of sampling it is a KeyError
        return None


def _by_pillow(data: bytes, kind: str, limits: DecodeLimits) -> Image | None:
    """Decode as far as the data goes; what is missing is black."""
    from PIL import Image as pillow
    from PIL import ImageFile

    lenient, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, True
    try:
        with pillow.open(io.BytesIO(data), formats=(kind,)) as image:
            if image.width * image.height > limits.max_pixels:
                return None
            if limits.reserve:
                limits.reserve(image.width * image.height, _PILLOW_BYTES)
            image.thumbnail((LONGEST, LONGEST), reducing_gap=None)
            exif = image.info.get("exif") or b""
            return upright(np.asarray(image.convert("RGB"), np.uint8), orientation_of(exif))
    except Exception:  # whatever its parsers meet: there is no common base
        return None
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = lenient
