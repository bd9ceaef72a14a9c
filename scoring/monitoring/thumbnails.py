"""The pictures of a report: those of the picture store, made smaller where they would not fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

Thumbnail = tuple[bytes, str]

# All pictures of a report together, before base64 makes them a third larger.
MOST_BYTES = 135_000
# What is tried in turn: longer side in pixels, JPEG quality. The last is small whatever it shows.
STEPS = ((256, 75), (200, 70), (160, 65), (128, 55), (96, 40), (64, 30))
WHITE = 255


def fit(pictures: Mapping[str, Thumbnail]) -> dict[str, Thumbnail]:
    """Return pictures by content hash so that all fit into a report; what cannot be is left out."""
    share = MOST_BYTES // max(len(pictures), 1)
    return dict(_shrunk(pictures.items(), share))


def _shrunk(
    pictures: Iterable[tuple[str, Thumbnail]], most_bytes: int
) -> Iterable[tuple[str, Thumbnail]]:
    for content_hash, (content, media_type) in pictures:
        if len(content) <= most_bytes:
            yield content_hash, (content, media_type)
        elif smaller := shrink(content, most_bytes):
            yield content_hash, (smaller, "image/jpeg")


def shrink(content: bytes, most_bytes: int) -> bytes | None:
    """Return a picture as a JPEG of so many bytes at most; None for what is no picture."""
    # The scheduler writes reports, too, and mostly of runs without pictures.
    import cv2

    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        return None
    flat = _on_white(np.asarray(image, np.uint8))
    for side, quality in STEPS:
        done, data = cv2.imencode(".jpg", _at_most(flat, side), [cv2.IMWRITE_JPEG_QUALITY, quality])
        if done and len(data) <= most_bytes:
            return data.tobytes()
    return None


def _on_white(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture without transparency; what shone through is white."""
    if image.ndim < 3 or image.shape[2] != 4:
        return image
    alpha = image[:, :, 3:].astype(np.float32) / 255
    flat = image[:, :, :3] * alpha + WHITE * (1 - alpha)
    return flat.round().astype(np.uint8)


def _at_most(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    import cv2

    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
