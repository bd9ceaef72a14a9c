"""A PNG of ours is read by another's decoder."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from desk.png import png_of


@pytest.mark.parametrize("shape", [(28, 28, 1), (5, 7, 1), (224, 224, 3), (3, 2, 3)])
def test_the_pixels_come_back(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    read = cv2.imdecode(np.frombuffer(png_of(pixels), np.uint8), cv2.IMREAD_UNCHANGED)
    if shape[2] == 1:
        assert read is not None
        assert np.array_equal(read.reshape(shape), pixels)
    else:
        assert read is not None
        assert np.array_equal(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), pixels)
