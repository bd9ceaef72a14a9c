"""Sizes to work at."""

from typing import cast

import cv2

from scoring.preprocessing.pixels import Image


def at_most(grey: Image, longest: int) -> Image:
    """Shrink (height, width) by area averaging until no side exceeds `longest`; never enlarge."""
    height, width = grey.shape
    scale = longest / max(height, width)
    if scale >= 1:
        return grey
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cast(Image, cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
