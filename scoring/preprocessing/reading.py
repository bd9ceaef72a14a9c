"""One picture's bytes → pixels, as every reader of pictures has them made."""

from __future__ import annotations

import cv2

from scoring.preprocessing.pixels import DecodeLimits, Pixels, Preprocess, Shape


def preprocessed(preprocess: Preprocess, data: bytes, shape: Shape, limits: DecodeLimits) -> Pixels:
    """Return the picture's pixels; raises DecodeError, and MemoryError where memory is short.

    OpenCV has an error of its own for that.
    """
    try:
        return preprocess(data, shape, limits)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError(error.err) from None
        raise
