"""Files that Pillow opens: AVIF, HEIF, TIFFs that are packed in rare ways, BMPs with rare masks.

It is loaded only where a batch holds such a file. Pillow and the libraries behind it have bounds
of their own on what a file may ask for; its size is known before anything is decoded.
"""

import io
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Literal, cast

from scoring.preprocessing.errors import (
    CorruptImage,
    DecodeError,
    TruncatedImage,
    UnsupportedFormat,
)
from scoring.preprocessing.formats.exif import UPRIGHT, orientation_of
from scoring.preprocessing.formats.header import FIRST_FRAME, Header
from scoring.preprocessing.formats.iso_media import check_boxes

if TYPE_CHECKING:
    from PIL.Image import Image as Opened

Kind = Literal["AVIF", "HEIF", "TIFF", "BMP"]
_LONGEST_REASON = 100


def read_header(data: bytes, kind: Literal["AVIF", "HEIF"]) -> Header:
    """Read size, orientation and whether there are several pictures. Raises DecodeError."""
    check_boxes(data)
    with opened(data, kind) as image:
        width, height = image.size
        exif = image.info.get("exif") or b""
        note = FIRST_FRAME if getattr(image, "n_frames", 1) > 1 else None
    orientation = orientation_of(exif) if exif else UPRIGHT
    return Header("avif" if kind == "AVIF" else "heif", width, height, orientation, note=note)


def opened(data: bytes, kind: Kind) -> "Opened":
    """Open a file, without decoding it. Raises DecodeError.

    A TIFF comes here with all its strips; what Pillow knows no name for is of a rare form.
    """
    pillow = _pillow()
    if kind not in pillow.OPEN:
        raise UnsupportedFormat(f"{kind}, whose decoder is not installed here,")
    try:
        return cast("Opened", pillow.open(io.BytesIO(data), formats=(kind,)))
    except pillow.UnidentifiedImageError as error:
        if kind == "TIFF":
            raise UnsupportedFormat("TIFF (in a form that few programs know)") from None
        raise refusal(kind, error) from None
    except Exception as error:  # whatever its parsers meet: there is no common base
        raise refusal(kind, error) from None


@cache
def _pillow() -> ModuleType:
    """Load Pillow and what reads HEIF, which not every platform has."""
    from PIL import Image as pillow

    pillow.init()
    pillow.MAX_IMAGE_PIXELS = None  # the settings have their own limit
    try:
        import pillow_heif
    except ImportError:
        return pillow
    pillow_heif.register_heif_opener(
        thumbnails=False, depth_images=False, aux_images=False, decode_threads=1
    )
    return pillow


def refusal(kind: Kind, error: Exception) -> DecodeError:
    """Say what Pillow said, which raises whatever its parsers meet."""
    if "truncated" in str(error).lower():
        return TruncatedImage(f"{kind} ends too early")
    said = str(error).strip().split("\n")[0][:_LONGEST_REASON]
    foreign = "<" in said or not said  # names objects of Python's
    return CorruptImage(f"{kind} of unknown form" if foreign else f"{kind}: {said}")
