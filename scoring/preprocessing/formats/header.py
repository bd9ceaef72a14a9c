"""What is known about an image before it is decoded."""

from typing import Literal, NamedTuple

Format = Literal["png", "jpeg", "bmp", "webp", "tiff", "gif", "avif", "heif"]

# What decoding takes at its peak for each pixel, the form that the model asks for included
# (measured with pictures of 12 megapixels). A JPEG's is that of a progressive one, which libjpeg
# holds whole however small it is asked for. Pillow's pictures are copied more than once.
_BY_PILLOW, _DEEP = 21, 18
_BYTES_PER_PIXEL: dict[Format, int] = {
    **{"jpeg": 6, "png": 8, "bmp": 8, "webp": 8, "gif": 9, "tiff": 9},
    **{"avif": _BY_PILLOW, "heif": _BY_PILLOW},
}

FIRST_FRAME = "first picture of several"
"""Note on an animation, a sequence or a document of several pages."""


class Header(NamedTuple):
    """Size in pixels as stored, and the EXIF orientation (1 to 8) still to be applied.

    premultiplied: the decoder hands out colours already multiplied by their alpha.
    plain: the file holds its picture and nothing else, and may go to the decoder as it is.
    deep: it has more than eight bits a channel, or a form that takes as much memory.
    note: what was left out of the file though it is in order, in words for a person.
    """

    format: Format
    width: int
    height: int
    orientation: int = 1
    premultiplied: bool = False
    note: str | None = None
    plain: bool = False
    deep: bool = False

    @property
    def bytes_per_pixel(self) -> int:
        """How many bytes of memory decoding it takes for each pixel, at most."""
        return _DEEP if self.deep else _BYTES_PER_PIXEL[self.format]

    @property
    def upright(self) -> tuple[int, int]:
        """Height and width once the orientation is applied."""
        swapped = self.orientation >= 5
        return (self.width, self.height) if swapped else (self.height, self.width)
