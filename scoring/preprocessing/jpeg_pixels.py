"""JPEG → pixels as they are stored, by libjpeg-turbo, whose every warning is an error here.

libjpeg fills what is missing with grey and only warns; OpenCV, which decodes by the same library
to the same pixels, hands no warnings on. So simplejpeg decodes, which does.
"""

from typing import Literal, cast

import cv2
import numpy as np
import simplejpeg

from scoring.preprocessing.errors import CorruptImage, DecodeError, TruncatedImage
from scoring.preprocessing.formats import Header, jpeg
from scoring.preprocessing.imdecode import imdecode
from scoring.preprocessing.pixels import Image

Colours = Literal["GRAY", "RGB"]

# The picture was whole before these bytes: some cameras and editors leave them.
_HARMLESS = "extraneous bytes before marker 0xd9"
# Chroma at a third of the width, say, for which simplejpeg's interface has no name. It gives the
# same reason for some damage in the head: OpenCV refuses that, with a line of libjpeg on stderr.
_RARE_SAMPLING = "Could not determine subsampling"
_CUT = "premature end"
_OPENCV = {
    ("RGB", 1): cv2.IMREAD_COLOR_RGB,
    ("GRAY", 1): cv2.IMREAD_GRAYSCALE,
    ("GRAY", 2): cv2.IMREAD_REDUCED_GRAYSCALE_2,
    ("GRAY", 4): cv2.IMREAD_REDUCED_GRAYSCALE_4,
    ("GRAY", 8): cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


def decode_jpeg(data: bytes, header: Header, colours: Colours, divisor: int = 1) -> Image:
    """Decode at 1, 1/2, 1/4 or 1/8 of the size, each side rounded up; EXIF is left alone.

    Returns uint8, (height, width) grey or (height, width, 3) R, G, B.
    Raises TruncatedImage or CorruptImage.
    """
    try:
        return _decoded(data, header, colours, divisor)
    except ValueError:
        whole = jpeg.mended(data)
    try:
        return _decoded(whole, header, colours, divisor)
    except ValueError as error:
        reason = str(error)
    if _RARE_SAMPLING in reason:
        return _decoded_by_opencv(whole, colours, divisor)
    if not reason.endswith(_HARMLESS):
        raise _refusal(reason)
    try:
        return _decoded(whole, header, colours, divisor, strict=False)
    except ValueError as error:
        raise _refusal(str(error)) from None


def _refusal(reason: str) -> DecodeError:
    if _CUT in reason.lower():
        return TruncatedImage("JPEG ends too early")
    what = reason.split("(): ")[-1].removeprefix("Corrupt JPEG data: ")
    return CorruptImage(f"JPEG: {what}")


def _decoded(
    data: bytes, header: Header, colours: Colours, divisor: int, strict: bool = True
) -> Image:
    """Decode once. Raises ValueError with libjpeg's message.

    simplejpeg takes the least scale that leaves these sides: the divisor's, as far as a side is
    longer than 5 pixels.
    """
    pixels = simplejpeg.decode_jpeg(
        data,
        colours,
        min_height=-(-header.height // divisor),
        min_width=-(-header.width // divisor),
        strict=strict,
    )
    return cast(Image, pixels[:, :, 0] if colours == "GRAY" else pixels)


def _decoded_by_opencv(data: bytes, colours: Colours, divisor: int) -> Image:
    """Decode twice: a picture that lacks blocks changes with the bits that follow its data."""
    flags = _OPENCV[colours, divisor] | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = imdecode(data, flags)
    if not np.array_equal(imdecode(jpeg.with_other_bits(data), flags), pixels):
        raise TruncatedImage("JPEG ends before its last block")
    return pixels
