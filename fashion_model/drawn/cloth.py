"""What a garment is made of: a colour, folds, and a pattern."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from fashion_model.drawn.sheet import Floats, Sheet

Pattern = Literal["plain", "melange", "stripes", "checks", "flowers", "denim"]
Colour = tuple[float, float, float]

_LUMA = np.array((0.114, 0.587, 0.299), np.float32)  # of B, G, R (ITU-R BT.601)


@dataclass(frozen=True)
class Palette:
    """The lightness, 0 to 255, that garments have against this background."""

    darkest: float
    lightest: float

    def colour(self, rng: np.random.Generator) -> Colour:
        """Choose any hue, muted like clothes, at a lightness of this palette."""
        hue, saturation = rng.uniform(0, 180), rng.choice((0, 40, 90, 150)) * rng.uniform(0.6, 1)
        return self._at(hue, saturation, rng.uniform(self.darkest, self.lightest))

    def denim(self, rng: np.random.Generator) -> Colour:
        """Choose a blue."""
        return self._at(rng.uniform(103, 115), rng.uniform(60, 130), self._middle(rng))

    def leather(self, rng: np.random.Generator) -> Colour:
        """Choose a brown, a black or a grey."""
        return self._at(rng.uniform(5, 18), rng.choice((5, 60, 120)), self._middle(rng))

    def _middle(self, rng: np.random.Generator) -> float:
        spread = self.lightest - self.darkest
        return rng.uniform(self.darkest + 0.1 * spread, self.lightest - 0.1 * spread)

    def _at(self, hue: float, saturation: float, lightness: float) -> Colour:
        pixel = np.array([[[hue, saturation, 255]]], np.uint8)
        colour = cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0].astype(np.float32)
        scaled = np.minimum(colour * (lightness / float(colour @ _LUMA)), 255)
        blue, green, red = scaled.tolist()
        return blue, green, red


def cloth(sheet: Sheet, colour: Colour, pattern: Pattern, folds: float = 0.06) -> Floats:
    """Weave the whole sheet: the pattern on the colour, with folds that hang down."""
    woven = sheet.paint(colour)
    woven *= _pattern(sheet, pattern)[:, :, None]
    hanging = sheet.noise(across=0.07, along=0.45)
    return np.asarray(np.clip(woven * (1 + folds * hanging)[:, :, None], 0, 255), np.float32)


def _pattern(sheet: Sheet, pattern: Pattern) -> Floats:
    rng = sheet.rng
    height, width = sheet.cover.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / sheet.scale
    contrast = rng.uniform(0.35, 0.6)
    if pattern == "stripes":
        period = rng.uniform(0.09, 0.2)
        return _banded(y, period, rng.uniform(0.3, 0.6), contrast)
    if pattern == "checks":
        period = rng.uniform(0.09, 0.15)
        bands = _banded(x, period, 0.4, contrast) + _banded(y, period, 0.4, contrast)
        return bands / np.float32(2)
    if pattern == "flowers":
        size = rng.uniform(0.03, 0.06)
        blossoms = sheet.noise(size, size) > 0.5
        return np.where(blossoms, 1 - contrast, 1).astype(np.float32)
    if pattern == "denim":
        worn: Floats = 1 + 0.12 * np.exp(-(((y - 0.4) / 0.25) ** 2))
        return np.asarray(worn * (1 + 0.03 * sheet.noise(0.008, 0.03)), np.float32)
    if pattern == "melange":
        return (1 + 0.08 * sheet.noise(0.012, 0.012)).astype(np.float32)
    return np.ones((height, width), np.float32)


def _banded(along: Floats, period: float, share: float, contrast: float) -> Floats:
    """Alternate between 1 and 1 - contrast; the darker band takes `share` of the period."""
    return np.where(along % period < share * period, 1 - contrast, 1).astype(np.float32)
