"""Product photographs in the form of Fashion-MNIST, by the seven steps its images were made with.

Source: arXiv 1708.07747, section 2: to PNG, trim what is within 5 % of the corner's colour, longest
edge to 28 by subsampling, sharpen (Gaussian, radius and deviation 1), extend to a square about the
centre, negate, 8-bit grey. Read off the 60,000 training images besides: each reaches 255, so
contrast was stretched; and the odd column or row of the extension is always left or above.
"""

from functools import lru_cache
from typing import cast

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.preprocessing.background import Background, background_of
from scoring.preprocessing.dataset_form import original_pixels
from scoring.preprocessing.decode import checked_header, decode_grey
from scoring.preprocessing.garment import grey_square_side
from scoring.preprocessing.pixels import (
    UNCONTROLLED_BACKGROUND,
    DecodeLimits,
    Image,
    Pixels,
    Shape,
)
from scoring.preprocessing.resizing import at_most

_WHITE = 255
_WORKING_SIDE = 280  # 10 times the model's: more detail changes nothing, it only costs
_TRIM_SHARE = 0.05
_RINGING_SHARE = 0.08  # of the garment's contrast: what JPEG leaves around it
_FAINT_SHARE = 0.4  # of what lies inside: less is the blur of an edge
_LEAST_CONTRAST = 60  # fainter pictures are not stretched to full contrast: that is noise
_NEAR = round(255 * _TRIM_SHARE)
_DARK, _LIGHT = bytes(range(_NEAR + 1)), bytes(range(255 - _NEAR, 256))
_RIM_SHARE = 0.3  # of the rim is blank; in 60,000 data-set images never less than 0.36
_FILLED_SHARE = 0.8  # of the side; all 60,000 are longer, two of them just so
_SPECK_SHARE = 0.001  # of the garment's area: dust on the page is less
_SPECK_PIXELS = 3  # and so is a group of noisy pixels
_SHARPENING = 0.75  # averaging over the cell has taken less than the authors' subsampling added


class ProductPhoto(Struct, frozen=True):
    """Garment, version 2: any size and colour, light or dark background, alpha on white.

    decode_at_least: a JPEG is decoded at a fraction of its size as long as its longest side keeps
    this many pixels; None decodes it whole (for comparison).
    A picture already in the data set's form gives the pixels it was made from, and so does its
    negative. A background that cannot be judged is flagged and scored all the same.
    """

    name: str = "garment"
    version: int = 2
    decode_at_least: int | None = _WORKING_SIDE

    def __call__(self, data: bytes, shape: Shape, limits: DecodeLimits) -> Pixels:
        """Make (side, side, 1) pixels. Raises DecodeError; ValueError for any other shape."""
        side = grey_square_side(shape)
        header = checked_header(data, limits)
        grey = decode_grey(data, header, _WHITE, self.decode_at_least)
        small = _in_data_set_form(grey, side)
        if small is not None:
            return Pixels(np.ascontiguousarray(small).reshape(-1), None, header.note)
        working = at_most(grey, _WORKING_SIDE)
        background = background_of(working)
        values = _seven_steps(working, background, side)
        review = None if background.controlled else UNCONTROLLED_BACKGROUND
        return Pixels(values.reshape(-1), review, header.note)


def _in_data_set_form(grey: Image, side: int) -> Image | None:
    """Return the pixels that `grey` was enlarged from, turned positive, or None.

    A dark rim is enough for the data set's form. A light rim is its negative only if the garment
    fills the frame, as it does there: a simple drawing with margins may also fit the grid, and is
    to be trimmed.
    """
    small = original_pixels(grey, side)
    if small is None:
        return None
    rim = small.take(_rim_of(side)).tobytes()
    blank = _RIM_SHARE * len(rim)
    if _count(rim, _DARK) >= blank:
        return small
    if _count(rim, _LIGHT) < blank:
        return None
    positive = 255 - small
    _, _, width, height = cv2.boundingRect((positive > _NEAR).astype(np.uint8))
    return positive if max(width, height) >= _FILLED_SHARE * side else None


def _count(levels: bytes, wanted: bytes) -> int:
    """Return how many of some pixels are of a wanted level: bytes, for a rim is soon counted."""
    return len(levels) - len(levels.translate(None, wanted))


@lru_cache(maxsize=4)
def _rim_of(side: int) -> NDArray[np.intp]:
    """Return where the outermost pixels of a square stand, row by row."""
    square = np.ones((side, side), np.bool_)
    square[1:-1, 1:-1] = False
    return np.flatnonzero(square)


def _seven_steps(grey: Image, background: Background, side: int) -> Image:
    """Negate, trim, reduce, sharpen, stretch, extend; uint8 (side, side)."""
    foreground = cast(Image, cv2.LUT(grey, background.foreground_table()))
    garment = _trimmed(foreground, side)
    small = _sharpened(_longest_edge_to(garment, side))
    stretched = small * (255 / max(float(small.max()), _LEAST_CONTRAST))
    return _extended(np.clip(np.rint(stretched), 0, 255).astype(np.uint8), side)


def _trimmed(foreground: Image, side: int) -> Image:
    """Cut away background and specks at the edges, then the soft outer half of the garment's rim.

    An edge blurred by enlarging or by the lens reaches beyond the garment; without the second
    step a narrow one comes out a column too wide.
    """
    garment = _without_margins(foreground)
    cell = round(max(garment.shape) / side)
    rows, columns = garment.max(1), garment.max(0)
    top, bottom = _soft_rim(rows, cell), _soft_rim(rows[::-1], cell)
    left, right = _soft_rim(columns, cell), _soft_rim(columns[::-1], cell)
    return garment[top : len(rows) - bottom, left : len(columns) - right]


def _without_margins(foreground: Image) -> Image:
    """Cut to the smallest rectangle around all parts that are larger than a speck."""
    limit = max(_NEAR, float(foreground.max()) * _RINGING_SHARE)
    _, mask = cv2.threshold(foreground, limit, 1, cv2.THRESH_BINARY)
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    areas = stats[1:, cv2.CC_STAT_AREA]
    parts = stats[1:][areas > max(_SPECK_PIXELS, _SPECK_SHARE * areas.sum())]
    if not len(parts):
        return foreground
    left, top = parts[:, cv2.CC_STAT_LEFT], parts[:, cv2.CC_STAT_TOP]
    right = (left + parts[:, cv2.CC_STAT_WIDTH]).max()
    bottom = (top + parts[:, cv2.CC_STAT_HEIGHT]).max()
    return foreground[top.min() : bottom, left.min() : right]


def _soft_rim(profile: NDArray[np.uint8], cell: int) -> int:
    """Count the outermost lines, up to one cell, that are faint beside what lies a cell inside."""
    inside = min(cell, (len(profile) - 1) // 2)
    return int(np.argmax(profile[: inside + 1] >= _FAINT_SHARE * profile[inside]))


def _longest_edge_to(garment: Image, side: int) -> NDArray[np.float32]:
    height, width = garment.shape
    scale = side / max(height, width)
    size = (max(1, int(width * scale + 0.5)), max(1, int(height * scale + 0.5)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cast(
        NDArray[np.float32], cv2.resize(garment.astype(np.float32), size, interpolation=how)
    )


def _sharpening_kernel(strength: float) -> NDArray[np.float32]:
    """Build the 3 x 3 kernel of ImageMagick's `-sharpen 1x1`, blended with identity."""
    steps = np.arange(-1, 2) ** 2
    gaussian = np.exp(-np.add.outer(steps, steps) / 2)
    kernel = -gaussian
    kernel[1, 1] = 2 * gaussian.sum()
    kernel *= strength / kernel.sum()
    kernel[1, 1] += 1 - strength
    return kernel.astype(np.float32)


_KERNEL = _sharpening_kernel(_SHARPENING)


def _sharpened(small: NDArray[np.float32]) -> NDArray[np.float32]:
    sharp = cv2.filter2D(small, -1, _KERNEL, borderType=cv2.BORDER_REPLICATE)
    return cast(NDArray[np.float32], sharp)


def _extended(small: Image, side: int) -> Image:
    """Centre on black; an odd row or column goes above or left, as in the data set."""
    height, width = small.shape
    top, left = (side - height + 1) // 2, (side - width + 1) // 2
    square = np.zeros((side, side), np.uint8)
    square[top : top + height, left : left + width] = small
    return square
