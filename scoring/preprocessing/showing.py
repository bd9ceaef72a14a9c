"""The pixels that a model saw, as a picture that a browser shows."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from scoring.preprocessing.pixels import Shape

# Up to here each pixel is shown as a square, so that it must be the very pixel.
MOST_EXACT = 96 * 96
# A photograph of 224 × 224 is 15 kB; as PNG it would be 90 kB.
JPEG_QUALITY = 90


def as_picture(pixels: NDArray[np.uint8], shape: Shape) -> tuple[bytes, str]:
    """Return pixels uint8 [H·W·C] as PNG where they are few, else as JPEG, and its media type.

    Of other than three channels (R, G, B) the first is shown, as grey.
    """
    height, width, channels = shape
    image = pixels.reshape(shape)
    image = image[:, :, ::-1] if channels == 3 else image[:, :, :1]
    if height * width <= MOST_EXACT:
        return _encoded(".png", image), "image/png"
    return _encoded(".jpg", image, cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY), "image/jpeg"


def _encoded(kind: str, image: NDArray[np.uint8], *options: int) -> bytes:
    done, data = cv2.imencode(kind, np.ascontiguousarray(image), options)
    if not done:
        raise ValueError(f"OpenCV writes no {kind} of shape {image.shape}")
    return data.tobytes()
