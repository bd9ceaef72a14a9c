"""Three plain statistics of an image, the same wherever drift is measured."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

# Darker than this (of 255) counts as background; the data set's own backgrounds are 0 to 2 and
# JPEG or resampling adds a few levels.
FOREGROUND_LEVEL = 16

# From here on a call for each row costs less than NumPy's wide sums of all of them.
_LONG_ROW = 10_000


class ImageStatistics(NamedTuple):
    """Shares of 0-1, float64 [N] each."""

    brightness: NDArray[np.float64]
    contrast: NDArray[np.float64]
    foreground: NDArray[np.float64]


def image_statistics(pixels: NDArray[np.uint8]) -> ImageStatistics:
    """Return mean, standard deviation and foreground area of each row of ``pixels`` [N, D]."""
    length = pixels.shape[1]
    sums = _sums_of_long if length >= _LONG_ROW else _sums_of_short
    totals, squares, foreground = sums(pixels)
    spread = np.maximum(length * squares - totals**2, 0.0)
    return ImageStatistics(
        totals / length / 255.0,
        np.sqrt(spread) / length / 255.0,
        foreground / length,
    )


def _sums_of_short(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float64], ...]:
    """Return the sums of each row, of its squares and of its foreground; float64 [N] each.

    Whole numbers, and as good as exact. Nothing is made that is larger than the pixels.
    """
    totals = pixels.sum(axis=1, dtype=np.uint64).astype(np.float64)
    squares = np.einsum("ij,ij->i", pixels, pixels, dtype=np.float64, casting="unsafe")
    foreground = (pixels >= FOREGROUND_LEVEL).sum(axis=1, dtype=np.uint32).astype(np.float64)
    return totals, squares, foreground


def _sums_of_long(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float64], ...]:
    """Return the same of rows that are worth a call each."""
    sums = np.empty((3, len(pixels)))
    for number, row in enumerate(pixels):
        sums[:, number] = (
            cv2.sumElems(row)[0],
            # OpenCV squares the root of the sum, which is a whole number.
            round(cv2.norm(row, cv2.NORM_L2SQR)),
            np.count_nonzero(row >= FOREGROUND_LEVEL),
        )
    return tuple(sums)
