"""What else lies on a floor: the corner of a rug, a sheet of paper, a cable."""

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion_model.drawn.sheet import Floats, Point, curve

_SHADOW = 0.45
_AWAY = 0.36  # of the plane, from its middle: at the edge of what is seen


def strew(plane: Floats, rng: np.random.Generator) -> None:
    """Lay one to three things on the plane, some of them half out of sight."""
    side = len(plane)
    for place in rng.permutation(8)[: rng.integers(1, 4)]:
        angle = (place + rng.uniform(-0.3, 0.3)) * np.pi / 4
        away = side * _AWAY * rng.uniform(0.85, 1.05)
        # The part that is seen is taller than wide.
        centre = (side / 2 + 0.75 * away * np.cos(angle), side / 2 + away * np.sin(angle))
        _THINGS[int(rng.integers(len(_THINGS)))](plane, centre, rng)


def _rug(plane: Floats, centre: Point, rng: np.random.Generator) -> None:
    colour = rng.uniform(40, 190, 3).astype(np.float32)
    size, angle = rng.uniform(260, 420), rng.uniform(0, 90)
    weave = 1 + np.float32(0.1) * rng.standard_normal(plane.shape[:2], dtype=np.float32)
    fringe = np.clip(colour + np.float32(45), 0, 255) * weave[:, :, None]
    _lay(plane, _rectangle(centre, size, size, angle), fringe)
    inner = _rectangle(centre, size * 0.9, size * 0.9, angle)
    _lay(plane, inner, colour * cv2.blur(weave, (3, 3))[:, :, None])


def _paper(plane: Floats, centre: Point, rng: np.random.Generator) -> None:
    angle = rng.uniform(0, 180)
    sheet = _rectangle(centre, 210, 297, angle)
    page = np.full_like(plane, rng.uniform(205, 240))
    across, down = sheet[1] - sheet[0], sheet[3] - sheet[0]
    for at in np.arange(0.1, 0.9, 0.05):
        ends = [sheet[0] + across * x + down * at for x in (0.12, rng.uniform(0.5, 0.88))]
        start, end = (tuple(np.rint(point).astype(int).tolist()) for point in ends)
        cv2.line(page, start, end, (110, 105, 100), 3, cv2.LINE_AA)
    _lay(plane, sheet, page)


def _cable(plane: Floats, centre: Point, rng: np.random.Generator) -> None:
    bends = np.cumsum(rng.normal(0, 130, (6, 2)), axis=0) + centre
    line = np.array(curve([(float(x), float(y)) for x, y in bends]))
    mask = np.zeros(plane.shape[:2], np.uint8)
    cv2.polylines(mask, [np.rint(line).astype(np.int32)], False, 255, 11, cv2.LINE_AA)
    _cover(plane, mask, np.full_like(plane, rng.choice((25.0, 225.0))))


_THINGS = (_rug, _paper, _cable)


def _rectangle(centre: Point, width: float, height: float, angle: float) -> Floats:
    return np.asarray(cv2.boxPoints((centre, (width, height), angle)), np.float32)


def _lay(plane: Floats, outline: Floats, paint: Floats) -> None:
    mask = np.zeros(plane.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 255, cv2.LINE_AA)
    _cover(plane, mask, paint)


def _cover(plane: Floats, mask: NDArray[np.uint8], paint: Floats) -> None:
    cover = mask.astype(np.float32) / np.float32(255)
    plane *= 1 - _SHADOW * cv2.GaussianBlur(cover, (0, 0), 7)[:, :, None]
    plane += (paint - plane) * cover[:, :, None]
