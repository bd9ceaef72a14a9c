"""Rows to score, whatever the dialect they came in, and how many there may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.protocol.frame_codec import RowIds

Take = Callable[[int], None]


def take_nothing(count: int) -> None:
    """Account for memory where nobody counts it."""


@dataclass(frozen=True)
class PredictionRequest:
    """Rows to score.

    Attributes:
        ids: one id a row, echoed in the answer.
        pixels: uint8, shape [N, H·W·C], values 0 to 255.
    """

    ids: RowIds
    pixels: NDArray[np.uint8]

    @property
    def failed(self) -> int:
        """How many images could not be read, besides."""
        return 0


@dataclass(frozen=True)
class RequestLimits:
    """What a request may hold at most.

    Attributes:
        rows: images in all.
        json_depth: arrays and objects within one another.
        image_pixels: of a picture as its header announces it.
        take: accounts for that many bytes more of memory before they are there; raises
            Unavailable or TooLarge where there is no room.
    """

    rows: int
    json_depth: int
    image_pixels: int = 100_000_000
    take: Take = take_nothing

    @property
    def json_containers(self) -> int:
        """Arrays and objects in all: one a row, and room for a request that says it wants more.

        Millions of empty lists would hold the interpreter for seconds.
        """
        return 2 * self.rows + 1_000
