"""Ways in which a night's pictures may differ from those a model learned from, by three strengths.

``PIXELS`` change the model's own pixels and keep what is to be seen; ``imbalanced`` and
``mixed_in`` choose other pictures. What is drawn comes from the generator handed in. The strengths
are such that the first costs a garment model little and the third much.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Rows = NDArray[np.int64]
Random = np.random.Generator
Strength = Literal[1, 2, 3]
STRENGTHS: tuple[Strength, ...] = (1, 2, 3)

# How much more often each class comes than the one before it, of ten.
IMBALANCE = (1.2, 1.5, 2.2)
STRANGER_SHARES = (0.03, 0.1, 0.3)


def shifted(images: Images, kind: str, strength: Strength, random: Random) -> Images:
    """Return changed copies of ``images`` uint8 [N, H, W] or [N, H, W, C], of the same shape.

    ``kind`` is one of ``PIXELS``. Lengths are shares of the side, so that photographs change as
    much as garments of 28 pixels do.
    """
    change, amounts = PIXELS[kind]
    pixels = images.reshape(*images.shape, 1) if images.ndim == 3 else images
    changed = [change(image, amounts[strength - 1], random) for image in pixels]
    return np.array(changed, np.uint8).reshape(images.shape)


def imbalanced(labels: NDArray[np.int64], count: int, strength: Strength, random: Random) -> Rows:
    """Return ``count`` rows of ``labels`` [N], drawn so that some classes come far more often.

    Which ones, is drawn too.
    """
    classes = int(labels.max()) + 1
    ranks = random.permutation(classes) * (10 / classes)
    weights = IMBALANCE[strength - 1] ** ranks / np.bincount(labels, minlength=classes).clip(1)
    chances = weights[labels]
    return random.choice(len(labels), count, p=chances / chances.sum())


def mixed_in(count: int, strength: Strength, random: Random) -> NDArray[np.bool_]:
    """Return which of ``count`` rows are another thing altogether, such as a digit."""
    return random.random(count) < STRANGER_SHARES[strength - 1]


Change = Callable[[Images, float, Random], Images]


def _noise(image: Images, deviation: float, random: Random) -> Images:
    noisy = image + deviation * random.standard_normal(image.shape)
    return _whole(noisy)


def _blur(image: Images, share: float, random: Random) -> Images:
    return _as_image(cv2.GaussianBlur(image, (0, 0), share * max(image.shape[:2])), image)


def _rotation(image: Images, degrees: float, random: Random) -> Images:
    return _warped(image, degrees * random.choice((-1.0, 1.0)) * random.uniform(0.7, 1.3), 1.0)


def _brightness(image: Images, factor: float, random: Random) -> Images:
    """Darken, as an exposure that is too short; what is black stays so."""
    return _whole(image * factor)


def _contrast(image: Images, factor: float, random: Random) -> Images:
    middle = image.mean()
    return _whole(middle + (image - middle) * factor)


def _jpeg(image: Images, quality: float, random: Random) -> Images:
    done, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    assert done
    how = cv2.IMREAD_GRAYSCALE if image.shape[2] == 1 else cv2.IMREAD_COLOR
    return _as_image(cv2.imdecode(content, how), image)


def _occlusion(image: Images, share: float, random: Random) -> Images:
    """Lay a square of one shade, ``share`` of the side long, over a place of the picture."""
    sides = [max(1, round(share * side)) for side in image.shape[:2]]
    top, left = (
        random.integers(0, side - part + 1)
        for side, part in zip(image.shape[:2], sides, strict=True)
    )
    covered = image.copy()
    covered[top : top + sides[0], left : left + sides[1]] = random.integers(0, 256)
    return covered


def _inverted(image: Images, share: float, random: Random) -> Images:
    """Invert ``share`` of the pictures, as where light and dark grounds are taken for another."""
    return 255 - image if random.random() < share else image


def _scale(image: Images, factor: float, random: Random) -> Images:
    return _warped(image, 0.0, factor)


def _missing_crop(image: Images, factor: float, random: Random) -> Images:
    """Leave the borders on: what is to be seen is small, and anywhere."""
    room = (1.0 - factor) / 2.0
    return _warped(image, 0.0, factor, random.uniform(-room, room, 2))


def _off_centre(image: Images, share: float, random: Random) -> Images:
    """Move what is to be seen, part of it out of the picture."""
    angle = random.uniform(0.0, 2.0 * np.pi)
    return _warped(image, 0.0, 1.0, share * np.array([np.cos(angle), np.sin(angle)]))


def _coarse(image: Images, share: float, random: Random) -> Images:
    """Bring it to ``share`` of its side and back, as a thumbnail that was enlarged."""
    height, width = image.shape[:2]
    small = (max(1, round(width * share)), max(1, round(height * share)))
    thumbnail = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return _as_image(cv2.resize(thumbnail, (width, height), interpolation=cv2.INTER_LINEAR), image)


def _warped(
    image: Images,
    degrees: float,
    factor: float,
    move: NDArray[np.float64] | tuple[float, float] = (0.0, 0.0),
) -> Images:
    """Turn, scale and move (by shares of the side) about the middle.

    Garments of the data set lie on black; what is beside a photograph is its mirror image.
    """
    height, width, channels = image.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, factor)
    matrix[:, 2] += np.multiply(move, (width, height))
    border = cv2.BORDER_CONSTANT if channels == 1 else cv2.BORDER_REFLECT_101
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return _as_image(
        cv2.warpAffine(image, matrix, (width, height), flags=how, borderMode=border), image
    )


def _whole(values: NDArray[np.floating[Any]]) -> Images:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def _as_image(changed: object, image: Images) -> Images:
    """Return what OpenCV made, with the channel that it drops of grey images."""
    return np.asarray(changed, np.uint8).reshape(image.shape)


PIXELS: dict[str, tuple[Change, tuple[float, float, float]]] = {
    "noise": (_noise, (8.0, 25.0, 60.0)),
    "blur": (_blur, (0.02, 0.035, 0.07)),
    "rotation": (_rotation, (6.0, 20.0, 60.0)),
    "brightness": (_brightness, (0.85, 0.6, 0.25)),
    "contrast": (_contrast, (0.85, 0.6, 0.25)),
    "jpeg": (_jpeg, (60.0, 25.0, 5.0)),
    "occlusion": (_occlusion, (0.15, 0.35, 0.6)),
    "inverted": (_inverted, (0.05, 0.25, 1.0)),
    "scale": (_scale, (0.92, 0.8, 0.55)),
    "missing crop": (_missing_crop, (0.92, 0.8, 0.55)),
    "off centre": (_off_centre, (0.06, 0.18, 0.35)),
    "coarse": (_coarse, (0.8, 0.5, 0.25)),
}
