"""Rows to score, whatever the dialect they came in, and how many there may be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.protocol.frame_codec import RowIds

Take = Callable[[int], None]
# A thousand images of 28×28, each pixel in an array of its own; 0.1 s to parse.
MANY_ARRAYS = 1_000_000


def take_nothing(count: int) -> None:
    """Account for memory where nobody counts it."""


class Detail(Struct, frozen=True):
    """What is told of the rows beside the usual, and how.

    Attributes:
        probabilities: whether each says how likely each class is.
        top: how many of the likeliest classes each lists.
        as_columns: whether they are told as one list for each entry.
    """

    probabilities: bool = False
    top: int = 0
    as_columns: bool = False


class PredictionRequest(Struct, frozen=True):
    """Rows to score.

    Attributes:
        ids: one id a row, echoed in the answer.
        pixels: uint8, shape [N, H·W·C], values 0 to 255.
        detail: what the caller wants to know beside the usual.
    """

    ids: RowIds
    pixels: NDArray[np.uint8]
    detail: Detail = Detail()

    @property
    def failed(self) -> int:
        """How many images could not be read, besides."""
        return 0


class RequestLimits(Struct, frozen=True):
    """What a request may hold at most.

    Attributes:
        rows: images in all.
        json_depth: arrays and objects within one another.
        image_pixels: of a picture as its header announces it.
        row_arrays: arrays and objects that one image may be written in.
        take: accounts for that many bytes more of memory before they are there; raises
            Unavailable or TooLarge where there is no room.
    """

    rows: int
    json_depth: int
    image_pixels: int = 100_000_000
    row_arrays: int = 1
    take: Take = take_nothing

    @property
    def json_containers(self) -> int:
        """Arrays and objects in all: one a row, and room for a request that says it wants more.

        An image may come as rows of pixels, or in a column for each pixel; of such arrays many
        are taken, but not any number: tens of millions would hold the interpreter for seconds.
        """
        nested = min(self.rows * self.row_arrays, max(MANY_ARRAYS, self.row_arrays))
        return max(2 * self.rows, nested) + 1_000
