"""Recognise an image that is already in the model's form, however large it was blown up.

A data-set image saved at its own size, or enlarged by nearest-neighbour in a lossless file, holds
exactly the pixels it was made from. Each cell of the enlarged grid is sampled at its centre, the
image is rebuilt from the samples, and only if the rebuilt image is the same are they taken: then
nothing was guessed.

Programs disagree where a cell ends when the factor is not whole, by convention or by rounding;
each known convention is tried, that of the commonest programs first. An all but uniform picture,
enlarged to little more than its own size, may be rebuilt exactly by two conventions from two small
ones that differ in a pixel or two: nothing in the file tells which it was, and the first is taken.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from scoring.preprocessing.pixels import Image

_Indices: TypeAlias = NDArray[np.intp]
_CACHED_SIZES = 16  # batches mostly hold one size; a large one costs half a megabyte


def original_pixels(grey: Image, side: int) -> Image | None:
    """Return the (side, side) pixels that `grey` was enlarged from, or None if it was not.

    grey: uint8 (height, width). An image of (side, side) is its own original. What is returned
    always rebuilds `grey`.
    """
    if grey.shape == (side, side):
        return grey
    return next(all_originals(grey, side), None)


def all_originals(grey: Image, side: int) -> Iterator[Image]:
    """Yield what each convention takes `grey` to be enlarged from; mostly one or none, or equal."""
    height, width = grey.shape
    if height != width or height < side:
        return
    if height == side:
        yield grey
        return
    for cell_of, centres in _enlargements(height, side):
        if not np.array_equal(grey[height // 2][centres][cell_of], grey[height // 2]):
            continue  # a photograph leaves here, for the cost of one row
        samples = grey[np.ix_(centres, centres)]
        if np.array_equal(samples[np.ix_(cell_of, cell_of)], grey):
            yield samples


@lru_cache(maxsize=_CACHED_SIZES)
def _enlargements(size: int, side: int) -> tuple[tuple[_Indices, _Indices], ...]:
    """List the distinct conventions: the cell of each pixel, and the middle pixel of each cell."""
    pixel = np.arange(size)
    conventions = (  # the order counts where a picture is ambiguous
        np.floor(pixel * (1 / (size / side))),  # corner-based, in floating point (OpenCV)
        pixel * side // size,  # the same, exact
        np.floor(pixel * (side / size)),
        np.floor(pixel.astype(np.float32) * np.float32(side / size)),  # in single precision
        (2 * pixel + 1) * side // (2 * size),  # centre-based, exact
        np.floor(_running_sum(size, side)),  # the same, by repeated addition (Pillow)
        np.floor(pixel * ((side - 1) / (size - 1)) + 0.5),  # first and last pixel aligned (SciPy)
    )
    distinct = {cell.astype(np.intp).tobytes(): cell.astype(np.intp) for cell in conventions}
    return tuple((cell, _centres(cell, side)) for cell in distinct.values())


def _running_sum(size: int, side: int) -> NDArray[np.float64]:
    step = side / size
    return np.cumsum(np.r_[step / 2, np.full(size - 1, step)])


def _centres(cell_of: _Indices, side: int) -> _Indices:
    first = np.searchsorted(cell_of, np.arange(side), side="left")
    after = np.searchsorted(cell_of, np.arange(side), side="right")
    return (first + after - 1) // 2
