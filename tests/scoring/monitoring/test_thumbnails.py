"""Pictures that fit a report."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from scoring.monitoring.thumbnails import MOST_BYTES, fit, shrink


def noise(height: int, width: int, channels: int = 3) -> bytes:
    """Return a PNG that packs badly."""
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (height, width, channels), dtype=np.uint8)
    return cv2.imencode(".png", picture)[1].tobytes()


def test_twenty_of_the_worst_pictures_fit() -> None:
    pictures = {f"d{n}": (noise(256, 256), "image/png") for n in range(20)}
    found = fit(pictures)
    assert len(found) == 20
    assert sum(len(content) for content, _ in found.values()) <= MOST_BYTES
    assert {media_type for _, media_type in found.values()} == {"image/jpeg"}


def test_what_fits_stays_as_it_is() -> None:
    small = noise(20, 20)
    assert fit({"d": (small, "image/png")}) == {"d": (small, "image/png")}
    assert fit({}) == {}


def test_what_is_no_picture_is_left_out() -> None:
    assert fit({"d": (b"x" * (MOST_BYTES + 1), "image/png")}) == {}


@pytest.mark.parametrize(("height", "width"), [(256, 1), (1, 256), (256, 256)])
def test_a_smaller_picture_has_the_shape_of_the_first(height: int, width: int) -> None:
    small = shrink(noise(height, width), 6_000)
    assert small is not None
    picture = cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert len(small) <= 6_000
    assert (picture.shape[0] > picture.shape[1]) == (height > width)


def test_what_shines_through_is_white() -> None:
    picture = np.zeros((40, 40, 4), np.uint8)
    small = shrink(cv2.imencode(".png", picture)[1].tobytes(), 10_000)
    assert small is not None
    shown = cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.min() > 250
