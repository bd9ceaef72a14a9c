"""Three plain statistics of an image, the same wherever drift is measured."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Darker than this (of 255) counts as background; the data set's own backgrounds are 0 to 2 and
# JPEG or resampling adds a few levels.
FOREGROUND_LEVEL = 16


class ImageStatistics(NamedTuple):
    """Shares of 0-1, float64 [N] each."""

    brightness: NDArray[np.float64]
    contrast: NDArray[np.float64]
    foreground: NDArray[np.float64]


def image_statistics(pixels: NDArray[np.uint8]) -> ImageStatistics:
    """Return mean, standard deviation and foreground area of each row of ``pixels`` [N, D]."""
    length = pixels.shape[1]
    # Nothing is made that is larger than the pixels, as ``std`` does: of a dozen photographs that
    # would be 16 MB of new memory each time. The sums are whole numbers, and as good as exact.
    totals = pixels.sum(axis=1, dtype=np.uint64).astype(np.float64)
    squares = np.einsum("ij,ij->i", pixels, pixels, dtype=np.float64, casting="unsafe")
    foreground = (pixels >= FOREGROUND_LEVEL).sum(axis=1, dtype=np.uint32)
    spread = np.maximum(length * squares - totals**2, 0.0)
    return ImageStatistics(
        totals / length / 255.0,
        np.sqrt(spread) / length / 255.0,
        foreground / length,
    )
