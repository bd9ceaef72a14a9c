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

WHOLE = 8
# What a JPEG can be decoded at; at seven eighths it takes longer than whole.
EIGHTHS = (1, 2, 3, 4, 5, 6, WHOLE)

# The picture was whole before these bytes: some cameras and editors leave them.
_HARMLESS = "extraneous bytes before marker 0xd9"
# Chroma at a third of the width, say, for which simplejpeg's interface has no name. It gives the
# same reason for some damage in the head: OpenCV refuses that, with a line of libjpeg on stderr.
_RARE_SAMPLING = "Could not determine subsampling"
_CUT = "premature end"
_OPENCV_COLOURS = {"RGB": cv2.IMREAD_COLOR_RGB, "GRAY": cv2.IMREAD_GRAYSCALE}
_OPENCV_SCALES = {  # a bit each, whatever the colours
    1: cv2.IMREAD_REDUCED_GRAYSCALE_8,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    WHOLE: 0,
}


def scaled(side: int, eighths: int) -> int:
    """Return how long a side is once it is decoded at so many eighths."""
    return -(-side * eighths // WHOLE)


def decode_jpeg(data: bytes, header: Header, colours: Colours, eighths: int = WHOLE) -> Image:
    """Decode at one of EIGHTHS of the size, each side rounded up; EXIF is left alone.

    Returns uint8, (height, width) grey or (height, width, 3) R, G, B. A file that only OpenCV
    reads may come larger: at the next scale that it has.
    Raises TruncatedImage or CorruptImage.
    """
    try:
        return _decoded(data, header, colours, eighths)
    except ValueError:
        whole = jpeg.mended(data)
    try:
        return _decoded(whole, header, colours, eighths)
    except ValueError as error:
        reason = str(error)
    if _RARE_SAMPLING in reason:
        return _decoded_by_opencv(whole, colours, eighths)
    if not reason.endswith(_HARMLESS):
        raise _refusal(reason)
    try:
        return _decoded(whole, header, colours, eighths, strict=False)
    except ValueError as error:
        raise _refusal(str(error)) from None


def _refusal(reason: str) -> DecodeError:
    if _CUT in reason.lower():
        return TruncatedImage("JPEG ends too early")
    what = reason.split("(): ")[-1].removeprefix("Corrupt JPEG data: ")
    return CorruptImage(f"JPEG: {what}")


def _decoded(
    data: bytes, header: Header, colours: Colours, eighths: int, strict: bool = True
) -> Image:
    """Decode once. Raises ValueError with libjpeg's message.

    simplejpeg takes the least scale that leaves these sides: that of `eighths`, as far as a side is
    longer than a few pixels.
    """
    pixels = simplejpeg.decode_jpeg(
        data,
        colours,
        min_height=scaled(header.height, eighths),
        min_width=scaled(header.width, eighths),
        strict=strict,
    )
    return cast(Image, pixels[:, :, 0] if colours == "GRAY" else pixels)


def _decoded_by_opencv(data: bytes, colours: Colours, eighths: int) -> Image:
    """Decode twice: a picture that lacks blocks changes with the bits that follow its data."""
    scale = next(bit for scale, bit in _OPENCV_SCALES.items() if scale >= eighths)
    flags = _OPENCV_COLOURS[colours] | scale | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = imdecode(data, flags)
    if not np.array_equal(imdecode(jpeg.with_other_bits(data), flags), pixels):
        raise TruncatedImage("JPEG ends before its last block")
    return pixels
