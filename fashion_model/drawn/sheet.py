"""A transparent sheet to draw a garment on: filled outlines, seams, folds, all anti-aliased."""

from collections.abc import Sequence
from typing import TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Point: TypeAlias = tuple[float, float]
Floats: TypeAlias = NDArray[np.float32]

OVERSAMPLING = 2
_SUBPIXEL_BITS = 4
_SPLINE_STEPS = 12


class Sheet:
    """Colour and cover of a picture in units of its own; y grows downwards.

    `slim` draws everything narrower about the middle of the sheet.
    colour: float32 (height, width, 3), B, G, R in 0..255. cover: float32 (height, width), 0..1.
    """

    def __init__(
        self, width: float, height: float, unit: int, rng: np.random.Generator, slim: float = 1.0
    ) -> None:
        self.slim = slim
        self.middle = width / 2
        self.scale = unit * OVERSAMPLING
        self.rng = rng
        shape = (round(height * self.scale), round(width * self.scale))
        self.colour: Floats = np.zeros((*shape, 3), np.float32)
        self.cover: Floats = np.zeros(shape, np.float32)

    def fill(self, outline: Sequence[Point], paint: Floats, edge: float = 0.25) -> None:
        """Fill a closed outline; towards its rim the paint gets darker by the share `edge`."""
        mask = self._mask(outline)
        distance = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        shade = 1 - edge * np.exp(-distance / (0.025 * self.scale))
        self._lay(mask, paint * shade[:, :, None])

    def line(self, points: Sequence[Point], darkness: float, width: float) -> None:
        """Darken along an open curve, where there is something to darken (negative: lighten)."""
        stroke = self._stroke(points, width)[:, :, None] * (self.cover > 0)[:, :, None]
        towards = 0.0 if darkness >= 0 else 255.0
        self.colour += (towards - self.colour) * stroke * abs(darkness)

    def strap(self, points: Sequence[Point], paint: Floats, width: float) -> None:
        """Draw a band of cloth or leather along an open curve."""
        self._lay(self._stroke(points, width), paint)

    def cut(self, outline: Sequence[Point]) -> None:
        """Cut a hole."""
        self.cover *= 1 - self._mask(outline)

    def paint(self, colour: Sequence[float]) -> Floats:
        """Make cloth of one colour for the whole sheet."""
        return np.full((*self.cover.shape, 3), np.asarray(colour, np.float32), np.float32)

    def noise(self, across: float, along: float) -> Floats:
        """Make smooth noise, mean 0 and deviation 1, with grains of the given size in units."""
        height, width = self.cover.shape
        rows = max(2, round(height / (along * self.scale)))
        columns = max(2, round(width / (across * self.scale)))
        grains = self.rng.standard_normal((rows, columns)).astype(np.float32)
        smooth = cv2.resize(grains, (width, height), interpolation=cv2.INTER_CUBIC)
        return cast(Floats, smooth)

    def finished(self) -> tuple[Floats, Floats]:
        """Return colour and cover at the sheet's own resolution."""
        height, width = (n // OVERSAMPLING for n in self.cover.shape)
        covered = self.colour * self.cover[:, :, None]
        cover = _reduced(self.cover, width, height)
        weight = np.maximum(cover, 1e-3)[:, :, None]
        return np.asarray(_reduced(covered, width, height) / weight, np.float32), cover

    def _lay(self, mask: Floats, paint: Floats) -> None:
        self.colour += (paint - self.colour) * mask[:, :, None]
        self.cover = np.maximum(self.cover, mask)

    def _mask(self, outline: Sequence[Point]) -> Floats:
        mask = np.zeros(self.cover.shape, np.uint8)
        cv2.fillPoly(mask, [self._fixed(outline)], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        return mask.astype(np.float32) / np.float32(255)

    def _stroke(self, points: Sequence[Point], width: float) -> Floats:
        mask = np.zeros(self.cover.shape, np.uint8)
        pixels = max(1, round(width * self.scale))
        cv2.polylines(mask, [self._fixed(points)], False, 255, pixels, cv2.LINE_AA, _SUBPIXEL_BITS)
        return mask.astype(np.float32) / np.float32(255)

    def _fixed(self, points: Sequence[Point]) -> NDArray[np.int32]:
        placed = np.asarray(points, np.float64)
        placed[:, 0] = self.middle + (placed[:, 0] - self.middle) * self.slim
        scaled = placed * self.scale * (1 << _SUBPIXEL_BITS)
        return np.rint(scaled).astype(np.int32)


def curve(points: Sequence[Point], closed: bool = False) -> list[Point]:
    """Draw a smooth line through points: a Catmull-Rom spline."""
    nodes = np.asarray(points, np.float64)
    ends = (nodes[-1:], nodes[:2]) if closed else (nodes[:1], nodes[-1:])
    padded = np.concatenate((ends[0], nodes, ends[1]))
    t = np.linspace(0, 1, _SPLINE_STEPS, endpoint=False)[:, None]
    spans = [_span(padded[i : i + 4], t) for i in range(len(padded) - 3)]
    line = np.concatenate(spans if closed else [*spans, nodes[-1:]])
    return [(float(x), float(y)) for x, y in line]


def arc(centre: Point, radii: Point, start: float, stop: float) -> list[Point]:
    """Draw part of an ellipse; angles in degrees, 0 to the right, 90 downwards."""
    angles = np.radians(np.linspace(start, stop, 48))
    x = centre[0] + radii[0] * np.cos(angles)
    y = centre[1] + radii[1] * np.sin(angles)
    return [(float(a), float(b)) for a, b in zip(x, y, strict=True)]


def mirrored(half: Sequence[Point], centre: float) -> list[Point]:
    """Close a half outline, given as (distance from the middle, y) from top to bottom."""
    right = [(centre + x, y) for x, y in half]
    left = [(centre - x, y) for x, y in reversed(half)]
    return right + left


def _span(four: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    before, start, end, after = four
    return cast(
        NDArray[np.float64],
        start
        + 0.5 * t * (end - before)
        + t**2 * (before - 2.5 * start + 2 * end - 0.5 * after)
        + t**3 * (1.5 * (start - end) + 0.5 * (after - before)),
    )


def _reduced(plane: Floats, width: int, height: int) -> Floats:
    return cast(Floats, cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA))
