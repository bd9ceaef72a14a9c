"""What every preprocessing takes and gives."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.protocol.prediction import join_reasons

Shape: TypeAlias = tuple[int, int, int]
"""Height, width, channels of the model's input."""

Image: TypeAlias = NDArray[np.uint8]
"""uint8, (height, width) grey or (height, width, 3 or 4) in OpenCV's order B, G, R, A."""

UNCONTROLLED_BACKGROUND = "uncontrolled background"
"""Review reason: the border is neither light nor dark, or differs from corner to corner."""


class DecodeLimits(Struct, frozen=True):
    """What one image may cost. The settings own the values; there are no defaults here.

    reserve: asked for the picture's number of pixels, and the bytes that decoding takes for each,
    before they are decoded; it may wait until there is memory for them.
    """

    max_pixels: int
    max_bytes: int
    reserve: Callable[[int, int], None] | None = None


class Pixels(NamedTuple):
    """One image in the model's form.

    values: uint8, contiguous, (height * width * channels,), row by row.
    review: None, or why a person should look at this image.
    note: None, or what was left out of the file though it is in order (later frames).
    upright: height and width of the picture itself, where it is fitted into the pixels as a whole.
    """

    values: NDArray[np.uint8]
    review: str | None
    note: str | None = None
    upright: tuple[int, int] | None = None

    @property
    def remark(self) -> str | None:
        """What a person should know of the picture, before any model has seen it."""
        return join_reasons(self.review, self.note)


class Preprocess(Protocol):
    """A named, versioned way from an image file to pixels."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    def __call__(self, data: bytes, shape: Shape, limits: DecodeLimits) -> Pixels:
        """Turn a whole image file into pixels of `shape`.

        Raises DecodeError when the file cannot be read, ValueError when this preprocessing
        cannot make `shape` (a bundle whose signature does not fit).
        """
        ...
