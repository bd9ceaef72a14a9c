"""Random changes of training photographs: another cut-out, turned, mirrored, recoloured.

As in `fashion_model.augment`, everything is drawn from the generator handed in.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion_model.dataset.description import Crops

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]


def cut_out(images: Images, plan: Crops, random: np.random.Generator) -> Images:
    """Return changed cut-outs uint8 [N, S, S, 3] of ``images`` uint8 [N, H, W, 3]."""
    return np.stack([_change(image, plan, random) for image in images])


def _change(image: Images, plan: Crops, random: np.random.Generator) -> Images:
    size = (plan.side, plan.side)
    # Inverse: where in the picture each pixel of the cut-out comes from, in one resampling.
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(
        image, _placing(image, plan, random), size, flags=how, borderMode=cv2.BORDER_REFLECT_101
    ).astype(np.float32)
    recoloured = _recolour(cut, plan, random)
    if random.random() < plan.hole_share:
        _cover(recoloured, plan, random)
    return np.clip(np.rint(recoloured), 0, 255).astype(np.uint8)


def _placing(image: Images, plan: Crops, random: np.random.Generator) -> NDArray[np.float64]:
    """Return the matrix [2, 3] from the cut-out's places to the picture's."""
    height, width = image.shape[:2]
    share = np.sqrt(random.uniform(plan.smallest_area, 1.0))
    stretch = np.exp(random.uniform(-plan.stretch, plan.stretch))
    extent = np.minimum((width * share * stretch, height * share / stretch), (width, height))
    centre = random.uniform(extent / 2, np.array((width, height)) - extent / 2)
    angle = np.deg2rad(random.normal(0.0, plan.turn))
    turned = np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
    mirror = -1.0 if random.random() < 0.5 else 1.0
    scaled = turned * extent / plan.side * (mirror, 1.0)
    middle = (plan.side - 1) / 2
    return np.column_stack((scaled, centre - 0.5 - scaled @ (middle, middle)))


def _recolour(cut: Floats, plan: Crops, random: np.random.Generator) -> Floats:
    grey = cut.mean(axis=2, keepdims=True)
    cut = grey + (cut - grey) * np.float32(1 + random.uniform(-plan.saturation, plan.saturation))
    mean = cut.mean()
    cut = mean + (cut - mean) * np.float32(1 + random.uniform(-plan.contrast, plan.contrast))
    cut = cut + np.float32(random.uniform(-plan.brightness, plan.brightness))
    tint = 1 + random.uniform(-plan.tint, plan.tint, 3)
    recoloured: Floats = cut * tint.astype(np.float32)
    return recoloured


def _cover(cut: Floats, plan: Crops, random: np.random.Generator) -> None:
    """Cover a square with one colour, in place. Source: DeVries and Taylor, arXiv 1708.04552."""
    side = int(plan.side * random.uniform(*plan.hole_sides))
    top, left = random.integers(0, plan.side - side + 1, 2)
    cut[top : top + side, left : left + side] = random.uniform(0, 255, 3)
