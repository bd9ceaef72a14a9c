"""What is known about an image before it is decoded."""

from dataclasses import dataclass
from typing import Literal

Format = Literal["png", "jpeg", "bmp", "webp", "tiff", "gif", "avif", "heif"]

FIRST_FRAME = "first picture of several"
"""Note on an animation, a sequence or a document of several pages."""


@dataclass(frozen=True, slots=True)
class Header:
    """Size in pixels as stored, and the EXIF orientation (1 to 8) still to be applied.

    premultiplied: the decoder hands out colours already multiplied by their alpha.
    plain: the file holds its picture and nothing else, and may go to the decoder as it is.
    note: what was left out of the file though it is in order, in words for a person.
    """

    format: Format
    width: int
    height: int
    orientation: int = 1
    premultiplied: bool = False
    note: str | None = None
    plain: bool = False

    @property
    def upright(self) -> tuple[int, int]:
        """Height and width once the orientation is applied."""
        swapped = self.orientation >= 5
        return (self.width, self.height) if swapped else (self.height, self.width)
