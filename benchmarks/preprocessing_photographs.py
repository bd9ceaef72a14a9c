"""Render data-set images as the product photographs they could have been made from."""

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]

_KERNELS = (cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_LINEAR)
_LUMA = np.array((0.114, 0.587, 0.299), np.float32)


@dataclass(frozen=True)
class Scene:
    """How photographs of one kind are taken. Pairs are ranges, shares are of 1."""

    longest: tuple[int, int] = (100, 1200)
    margin: tuple[float, float] = (0.0, 0.4)
    background: tuple[float, float] = (235, 255)
    garment_luma: tuple[float, float] = (0, 60)
    quality: tuple[int, int] = (60, 95)
    noise: float = 1.0
    shadow: float = 0.0
    padded_before_enlarging: bool = False
    kernels: tuple[int, ...] = _KERNELS


SCENES = {
    "plain": Scene(background=(255, 255), margin=(0.0, 0.1), quality=(90, 95), noise=0,
                   garment_luma=(0, 0)),
    "typical": Scene(),
    "padded first": Scene(padded_before_enlarging=True),
    "pale garments": Scene(garment_luma=(60, 120)),
    "small files": Scene(longest=(100, 220), quality=(60, 75)),
    "large": Scene(longest=(700, 1200), quality=(80, 95)),
    "shadow and noise": Scene(shadow=0.04, noise=2.5),
    "grainy": Scene(longest=(100, 400), noise=8),
}  # fmt: skip


def photograph(original: Grey, scene: Scene, rng: np.random.Generator) -> bytes:
    """Render one (28, 28) image as a colour JPEG on a light background."""
    cover = _off_centre(_enlarged(original, scene, rng), scene.margin, rng)
    background = rng.uniform(*scene.background) + rng.uniform(-3, 3, 3).astype(np.float32)
    garment = _colour(rng.uniform(*scene.garment_luma), rng)
    photo: Floats = np.asarray(background + (garment - background) * cover[:, :, None], np.float32)
    if scene.shadow:
        photo *= _light(cover.shape, scene.shadow, rng)[:, :, None]
    if scene.noise:
        photo += scene.noise * rng.standard_normal(cover.shape, np.float32)[:, :, None]
    quality = int(rng.integers(scene.quality[0], scene.quality[1] + 1))
    pixels = np.clip(np.rint(photo), 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()


def _enlarged(original: Grey, scene: Scene, rng: np.random.Generator) -> Floats:
    longest = round(float(np.exp(rng.uniform(*np.log(scene.longest)))))
    cover: Floats = original.astype(np.float32) * np.float32(1 / 255)
    if scene.padded_before_enlarging:
        cover = np.asarray(np.pad(cover, 4), np.float32)
    kernel = int(rng.choice(scene.kernels))
    large = cv2.resize(cover, (longest, longest), interpolation=kernel)
    return np.asarray(np.clip(large, 0, 1), np.float32)


def _off_centre(cover: Floats, margin: tuple[float, float], rng: np.random.Generator) -> Floats:
    top, bottom, left, right = (round(len(cover) * m) for m in rng.uniform(*margin, 4))
    return np.pad(cover, ((top, bottom), (left, right)))


def _colour(luma: float, rng: np.random.Generator) -> Floats:
    """Choose any hue at a given lightness."""
    pixel = np.array([[[rng.uniform(0, 180), rng.uniform(0, 255), 255]]], np.uint8)
    colour = cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0].astype(np.float32)
    return np.asarray(np.minimum(colour * (luma / float(colour @ _LUMA)), 255), np.float32)


def _light(shape: tuple[int, ...], shadow: float, rng: np.random.Generator) -> Floats:
    """Light that falls off from one side to the other by at most `shadow`."""
    corners: Floats = 1 - np.float32(shadow) * rng.random((2, 2)).astype(np.float32)
    return cast(Floats, cv2.resize(corners, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR))
