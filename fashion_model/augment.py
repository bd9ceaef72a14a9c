"""Random changes of training images: shift, flip, tone, resampling, erasing.

Everything is drawn from the generator handed in, so a batch is the same whenever it is made
again from the same seed, and a resumed training goes on exactly where it stopped.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion_model.dataset.description import Augmentation

Images = NDArray[np.uint8]
SHARPEN_SIGMA = 1.0
GAMMA_RANGE = (0.75, 1.35)
CONTRAST_RANGE = (0.7, 1.1)
ERASE_ASPECT = (0.3, 3.3)


def augment(images: Images, plan: Augmentation, random: np.random.Generator) -> Images:
    """Return changed copies of ``images`` uint8 [N, H, W, C]."""
    changed = _shift(images, plan, random)
    if plan.flip:
        mirrored = random.random(len(images)) < 0.5
        changed[mirrored] = changed[mirrored, :, ::-1]
    for row in np.flatnonzero(random.random(len(images)) < plan.resample_share):
        changed[row] = _resample(changed[row], plan, random)
    for row in np.flatnonzero(random.random(len(images)) < plan.tone_share):
        changed[row] = _tone(changed[row], random)
    for row in np.flatnonzero(random.random(len(images)) < plan.erase_share):
        _erase(changed[row], plan.erase_area, random)
    if plan.noise_share:
        grainy = np.flatnonzero(random.random(len(images)) < plan.noise_share)
        changed[grainy] = _grain(changed[grainy], plan.noise, random)
    return changed


def _grain(images: Images, largest: float, random: np.random.Generator) -> Images:
    deviations = random.uniform(0.0, largest, (len(images), 1, 1, 1))
    noisy = images + deviations * random.standard_normal(images.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _shift(images: Images, plan: Augmentation, random: np.random.Generator) -> Images:
    height, width = images.shape[1:3]
    reach = (plan.shift, plan.shift)
    margins = ((0, 0), reach, reach, (0, 0))
    padded = np.pad(images, margins, mode="reflect" if plan.mirror else "constant")
    corners = random.integers(0, 2 * plan.shift + 1, (len(images), 2))
    shifted = np.empty_like(images)
    for row, (top, left) in enumerate(corners):
        shifted[row] = padded[row, top : top + height, left : left + width]
    return shifted


def _resample(image: Images, plan: Augmentation, random: np.random.Generator) -> Images:
    height, width = image.shape[:2]
    angle = random.uniform(-plan.rotation, plan.rotation)
    matrix = np.array(cv2.getRotationMatrix2D((0.0, 0.0), angle, 1.0), np.float64)
    matrix[:, :2] *= random.uniform(1 - plan.scale, 1 + plan.scale, 2)
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix[:, 2] = centre - matrix[:, :2] @ centre
    border = cv2.BORDER_REFLECT_101 if plan.mirror else cv2.BORDER_CONSTANT
    turned = cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=border
    )
    # Between soft and sharp: what resizing photographs leaves behind varies that much.
    amount = random.uniform(-0.3, 0.8)
    soft = cv2.GaussianBlur(turned, (0, 0), SHARPEN_SIGMA)
    sharpened = cv2.addWeighted(turned, 1 + amount, soft, -amount, 0)
    return np.asarray(sharpened, np.uint8).reshape(image.shape)


def _tone(image: Images, random: np.random.Generator) -> Images:
    levels = np.linspace(0.0, 1.0, 256) ** random.uniform(*GAMMA_RANGE)
    curve = np.clip(levels * random.uniform(*CONTRAST_RANGE) * 255.0 + 0.5, 0, 255)
    toned: Images = curve.astype(np.uint8)[image]
    return toned


def _erase(image: Images, largest: float, random: np.random.Generator) -> None:
    """Fill one rectangle with noise, in place. Source: Zhong et al. 2017, arXiv 1708.04896."""
    height, width = image.shape[:2]
    area = random.uniform(0.02, largest) * height * width
    aspect = np.exp(random.uniform(*np.log(ERASE_ASPECT)))
    rows = min(height, max(1, round(float(np.sqrt(area * aspect)))))
    columns = min(width, max(1, round(float(np.sqrt(area / aspect)))))
    top = random.integers(0, height - rows + 1)
    left = random.integers(0, width - columns + 1)
    patch = image[top : top + rows, left : left + columns]
    patch[...] = random.integers(0, 256, patch.shape, np.uint8)
