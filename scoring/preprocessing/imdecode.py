"""OpenCV's decoder, silent and with an exception where it has nothing to give."""

from typing import cast

import cv2
import numpy as np

from scoring.preprocessing.errors import CorruptImage
from scoring.preprocessing.pixels import Image

# A damaged TIFF would bring a line a strip on stderr, none of which names the file.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def imdecode(data: bytes, flags: int) -> Image:
    """Decode a whole file. Raises CorruptImage, and MemoryError where that is the trouble."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError(error.err) from None
        pixels = None
    if pixels is None:
        raise CorruptImage("its picture data cannot be decoded")
    return cast(Image, pixels)
