"""What is known about an image before it is decoded."""

from dataclasses import dataclass
from typing import Literal

Format = Literal["png", "jpeg", "bmp", "webp", "tiff"]


@dataclass(frozen=True, slots=True)
class Header:
    """Size in pixels as stored, and the EXIF orientation (1 to 8) still to be applied.

    premultiplied: the decoder hands out colours already multiplied by their alpha.
    """

    format: Format
    width: int
    height: int
    orientation: int = 1
    premultiplied: bool = False
