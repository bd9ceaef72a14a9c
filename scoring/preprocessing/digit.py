"""Handwritten digits in the form of MNIST, also from a photograph of a digit on paper.

Source: yann.lecun.com/exdb/mnist: the digit fits a 20 x 20 box with its aspect kept, anti-aliased,
and its centre of mass lies at the centre of 28 x 28; light on black. What paper and camera add is
taken away first: uneven light, paper colour, specks, and strokes too thin to survive the reduction.
"""

from typing import cast

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

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
_WORKING_SIDE = 280
_BOX_SHARE = 20 / 28
_PAPER_SHARE = 0.35  # of the longest side: wider than any stroke, narrower than a shadow
_POLARITY_SIDE = 70
_POLARITY_WINDOW = 31  # pixels of that side, odd; more of it is paper than ink
_DARKEST_PAPER = 40  # grey level below which there is no telling ink from shadow
_LEAST_INK = 24  # of 255: the share by which ink must be darker than paper
_FULL_INK = 0.8  # of the darkest ink: strokes are white all through in MNIST, soft at the rim
_FOOT_OF_INK = 0.25  # of full ink: noise and shadows on the paper are less
_LEAST_PART = 0.05  # of the largest part of a digit; anything smaller is a speck
_THINNEST_STROKE = 0.09  # of the longest side; about 1.8 pixels in the box of 20
_NEAR_BLACK = 12
_BLANK_RIM = 0.8  # a digit with most of its mass on one side may touch the rim
_BOX_SLACK = 2  # pixels
_BUSY_RIM = 0.1  # share of the rim that may hold ink


class Digit(Struct, frozen=True):
    """One digit, dark on light or light on dark; alpha on white, EXIF honoured.

    A picture already in MNIST's form gives the pixels it was made from, and so does its negative.
    """

    name: str = "digit"
    version: int = 1

    def __call__(self, data: bytes, shape: Shape, limits: DecodeLimits) -> Pixels:
        """Make (side, side, 1) pixels. Raises DecodeError; ValueError for any other shape."""
        side = grey_square_side(shape)
        header = checked_header(data, limits)
        grey = decode_grey(data, header, behind=_WHITE)
        small = _in_data_set_form(grey, side)
        if small is not None:
            return Pixels(np.ascontiguousarray(small).reshape(-1), None, header.note)
        ink = _ink(at_most(grey, _WORKING_SIDE))
        review = UNCONTROLLED_BACKGROUND if (_rim(ink) > 127).mean() > _BUSY_RIM else None
        return Pixels(_in_box(_digit_only(ink), side).reshape(-1), review, header.note)


def _in_data_set_form(grey: Image, side: int) -> Image | None:
    """Return the pixels that `grey` was enlarged from, turned positive, or None.

    The rim must be all but blank, and the digit about as large as its box: a simple drawing may
    fit the grid as well, and is to be fitted into the box.
    """
    small = original_pixels(grey, side)
    if small is None:
        return None
    negative = bool(np.median(_rim(small)) >= 255 - _NEAR_BLACK)
    positive = 255 - small if negative else small
    blank = float((_rim(positive) <= _NEAR_BLACK).mean())
    _, _, width, height = cv2.boundingRect((positive > _NEAR_BLACK).astype(np.uint8))
    fits = abs(max(width, height) - _BOX_SHARE * side) <= _BOX_SLACK
    return positive if fits and blank >= _BLANK_RIM else None


def _rim(plane: Image) -> Image:
    return np.concatenate((plane[0], plane[-1], plane[:, 0], plane[:, -1]))


def _ink(grey: Image) -> Image:
    """Return how much ink there is at each place, 0 to 255, whatever the light on the paper."""
    light_paper = grey if _is_on_light_paper(grey) else 255 - grey
    paper = _paper(light_paper)
    share = (paper - light_paper) / np.maximum(paper, _DARKEST_PAPER)
    ink = np.asarray(np.clip(255 * share, 0, 255), np.uint8)
    full = _FULL_INK * float(cv2.blur(ink, (3, 3)).max())  # blurred: one dark speck is no stroke
    if full < _LEAST_INK:
        return np.zeros_like(ink)
    foot = _FOOT_OF_INK * full
    stretched = (ink.astype(np.float32) - foot) * (255 / (full - foot))
    return np.asarray(np.clip(stretched, 0, 255), np.uint8)


def _is_on_light_paper(grey: Image) -> bool:
    """Tell on which side of the paper's local level the rare, far levels lie: that is ink."""
    small = at_most(grey, _POLARITY_SIDE)
    around = cv2.medianBlur(small, _POLARITY_WINDOW)
    difference = small.astype(np.float64) - around
    return bool((difference**3).sum() <= 0)


def _paper(grey: Image) -> NDArray[np.float32]:
    """Estimate the blank paper: fill dark strokes from around them, then smooth."""
    size = max(8, round(max(grey.shape) * _PAPER_SHARE)) | 1
    brush = cv2.getStructuringElement(cv2.MORPH_RECT, (size, size))
    calm = cv2.medianBlur(grey, 3) if min(grey.shape) > 3 else grey
    filled = cv2.morphologyEx(calm, cv2.MORPH_CLOSE, brush, borderType=cv2.BORDER_REPLICATE)
    return cast(NDArray[np.float32], cv2.blur(filled.astype(np.float32), (size // 4, size // 4)))


def _digit_only(ink: Image) -> Image:
    """Keep the parts of the digit: the largest and what is not tiny beside it."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats((ink > 127).astype(np.uint8))
    if count < 2:
        return np.zeros((1, 1), np.uint8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = 1 + np.flatnonzero(areas >= _LEAST_PART * areas.max())
    around = cv2.dilate(np.isin(parts, kept).astype(np.uint8), np.ones((5, 5), np.uint8))
    left, top, width, height = cv2.boundingRect(around)
    digit = cast(Image, cv2.multiply(ink, around.astype(np.uint8)))
    return digit[top : top + height, left : left + width]


def _in_box(digit: Image, side: int) -> Image:
    """Fit into the box, then put the centre of mass at the centre; uint8 (side, side)."""
    digit = _thick_enough(digit)
    left, top, width, height = cv2.boundingRect((digit > 127).astype(np.uint8))
    square = np.zeros((side, side), np.uint8)
    if not width:
        return square
    digit = digit[top : top + height, left : left + width]
    scale = _BOX_SHARE * side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(digit, size, interpolation=how).astype(np.float64)
    small = np.clip(small * (255 / max(float(small.max()), 1)), 0, 255)
    return _centred_by_mass(np.rint(small).astype(np.uint8), square)


def _thick_enough(digit: Image) -> Image:
    """Thicken strokes that the reduction would wash out: a fine pen on a large photograph."""
    framed = np.pad(digit, 1)
    inside = cv2.distanceTransform((framed > 127).astype(np.uint8), cv2.DIST_L2, 3)
    ridge = inside[inside > 0.5 * inside.max()]
    width = 2 * float(np.median(ridge)) if len(ridge) else 0.0
    missing = round(_THINNEST_STROKE * max(digit.shape) - width)
    if missing < 1 or not width:
        return digit
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (missing + 1, missing + 1))
    return cast(Image, cv2.dilate(np.pad(digit, missing), brush))


def _centred_by_mass(small: Image, square: Image) -> Image:
    side = len(square)
    height, width = small.shape
    weights = small.astype(np.float64)
    mass = weights.sum()
    row = float((weights.sum(1) @ np.arange(height)) / mass)
    column = float((weights.sum(0) @ np.arange(width)) / mass)
    top = min(max(round(side / 2 - row), 0), side - height)
    left = min(max(round(side / 2 - column), 0), side - width)
    square[top : top + height, left : left + width] = small
    return square
