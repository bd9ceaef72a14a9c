"""What is shown is what the model saw: the same pixels, or all but the same of a photograph."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.preprocessing.showing import as_picture


def read(data: bytes) -> NDArray[Any]:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert image is not None
    return image


@pytest.mark.parametrize("shape", [(28, 28, 1), (5, 9, 1), (7, 4, 3), (96, 96, 3)])
def test_few_pixels_are_shown_as_they_are(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    data, media_type = as_picture(pixels.ravel(), shape)
    assert (data[:4], media_type) == (b"\x89PNG", "image/png")
    shown = read(data)
    assert np.array_equal(shown, np.broadcast_to(pixels, (*shape[:2], 3)))


def test_a_photograph_is_shown_in_its_colours_and_small() -> None:
    pixels = np.zeros((224, 224, 3), np.uint8)
    pixels[:, :112] = (200, 30, 30)
    data, media_type = as_picture(pixels.ravel(), (224, 224, 3))
    assert media_type == "image/jpeg"
    assert len(data) < pixels.size / 10
    shown = read(data)
    assert np.abs(shown[:, :100].astype(int) - (200, 30, 30)).max() < 10
    assert shown[:, 124:].max() < 10
