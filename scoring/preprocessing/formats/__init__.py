"""What a file says about itself before any decoder believes it.

Each format's `read_header` walks the structure of the file (announced lengths, checksums, end
marker) with `struct` on bytes already in memory: an image bomb is refused for microseconds, and a
file cut short is found even where a decoder would fill the rest with grey. What the structure of a
file does not tell is found while it is decoded: in a JPEG, and in the strips of a deflated TIFF.
"""

from collections.abc import Callable
from typing import Literal

from scoring.preprocessing.errors import EmptyFile, UnknownFormat, UnsupportedFormat
from scoring.preprocessing.formats import bmp, by_pillow, gif, jpeg, png, tiff, webp
from scoring.preprocessing.formats.header import Header
from scoring.preprocessing.formats.kinds import HEAD_BYTES, sniff

_READERS: tuple[tuple[tuple[bytes, ...], Callable[[bytes], Header]], ...] = (
    ((png.SIGNATURE,), png.read_header),
    ((jpeg.SIGNATURE,), jpeg.read_header),
    ((bmp.SIGNATURE,), bmp.read_header),
    (tiff.SIGNATURES, tiff.read_header),
    ((webp.SIGNATURE,), webp.read_header),
    (gif.SIGNATURES, gif.read_header),
)
_BY_PILLOW: dict[str | None, Literal["AVIF", "HEIF"]] = {"avif": "AVIF", "heif": "HEIF"}


def read_header(data: bytes) -> Header:
    """Tell format, size and orientation by content, never by name.

    Raises EmptyFile, UnknownFormat, UnsupportedFormat, TruncatedImage or CorruptImage.
    """
    for signatures, reader in _READERS:
        if data.startswith(signatures):
            return reader(data)
    kind = sniff(data[:HEAD_BYTES])
    if kind in _BY_PILLOW:
        return by_pillow.read_header(data, _BY_PILLOW[kind])
    if kind:
        raise UnsupportedFormat(kind)
    # What a copy that broke off leaves where the system had made room for the whole file.
    raise EmptyFile(len(data)) if data.count(0) == len(data) else UnknownFormat


__all__ = ["HEAD_BYTES", "Header", "read_header", "sniff"]
