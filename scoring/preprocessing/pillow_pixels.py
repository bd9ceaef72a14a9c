"""AVIF, HEIF, rare TIFFs and BMPs → pixels as they are stored, by Pillow.

OpenCV reads AVIF too, but takes ten bits for sixteen; HEIF it does not read at all.
"""

from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from scoring.preprocessing.formats.by_pillow import Kind, opened, refusal
from scoring.preprocessing.pixels import Image

if TYPE_CHECKING:
    from PIL.Image import Image as Opened

_GREY = frozenset(("1", "L"))
_DEEP_GREY = frozenset(("I;16", "I;16B", "I;16L"))


def decode_by_pillow(data: bytes, kind: Kind) -> Image:
    """Decode the first picture: grey (height, width), or B, G, R and A where there is alpha.

    uint8; uint16 for grey of 16 bits. Raises DecodeError.
    """
    with opened(data, kind) as image:
        try:
            image.load()
        except Exception as error:
            raise refusal(kind, error) from None
        return _as_opencv_has_it(image)


def _as_opencv_has_it(image: "Opened") -> Image:
    if image.mode in _DEEP_GREY:
        return cast(Image, np.asarray(image, np.uint16))
    if image.mode in _GREY:
        return np.asarray(image.convert("L"), np.uint8)
    if image.has_transparency_data:
        return cast(Image, cv2.cvtColor(np.asarray(image.convert("RGBA")), cv2.COLOR_RGBA2BGRA))
    return cast(Image, cv2.cvtColor(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2BGR))
