"""Judge the background of a product picture by its corners."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.preprocessing.pixels import Image

# Grey levels, 0 to 255. Studios shoot on white to light grey; the data set's own form is black.
_LIGHT_FROM = 180
_DARK_TO = 75
_SAME_LEVEL = 40  # a soft shadow or a fall of light is less than this from corner to corner

_CORNER_SHARE = 0.02
_CORNER_PIXELS = 2


class Background(Struct, frozen=True):
    """The background's grey level; whether the picture is to be negated; whether to trust this."""

    level: int
    light: bool
    controlled: bool

    def foreground_table(self) -> NDArray[np.uint8]:
        """Return for each grey level (256) how much it stands out: background 0, opposite 255.

        Dividing by the background's level takes an off-white page for white, as a viewer does.
        """
        grey = np.arange(256, dtype=np.float64)
        span = max(self.level, 1) if self.light else max(255 - self.level, 1)
        away = self.level - grey if self.light else grey - self.level
        return np.clip(np.rint(away * (255 / span)), 0, 255).astype(np.uint8)


def background_of(grey: Image) -> Background:
    """Judge uint8 (height, width) by the medians of its four corners.

    The level is the one most corners agree on, so a garment may touch one of them.
    """
    levels = _corner_levels(grey)
    agreeing = (np.abs(levels[:, None] - levels) <= _SAME_LEVEL).sum(1)
    level = int(np.median(levels[agreeing == agreeing.max()]))
    extreme = level >= _LIGHT_FROM or level <= _DARK_TO
    return Background(
        level=level,
        light=level >= (_LIGHT_FROM + _DARK_TO) / 2,
        controlled=bool(extreme and agreeing.min() == len(levels)),
    )


def _corner_levels(grey: Image) -> NDArray[np.float64]:
    k = max(_CORNER_PIXELS, round(min(grey.shape) * _CORNER_SHARE))
    corners = (grey[:k, :k], grey[:k, -k:], grey[-k:, :k], grey[-k:, -k:])
    return np.array([np.median(corner) for corner in corners])
