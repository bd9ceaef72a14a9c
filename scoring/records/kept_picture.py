"""One picture as it is kept: for people, and as a model saw it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.protocol.signature import PreprocessingRef

Shape: TypeAlias = tuple[int, int, int]
MediaType = Literal["image/png", "image/jpeg"]

# Photographs' pixels take 150 kB as they are and 2.6 ms to pack without loss, 20 kB and 0.2 ms as
# a JPEG of this quality; what that changes is measured in docs/pictures.md.
QUALITY, SAMPLING = 95, "420"
# Smaller ones are kept as they are: 784 bytes are a data-set image.
SMALL_BYTES = 16_384
RAW, JPEG = "raw", "jpeg"
COLOUR = 3


class Wanted(Struct, frozen=True):
    """An image that a picture is wanted of, as the ledger names it.

    ``model_version`` is that of the model that saw it, "" where none did: it could not be read.
    """

    batch: str
    path: str
    content_hash: str
    model_version: str = ""


class SeenPixels(Struct, frozen=True):
    """The pixels that models of one preprocessing saw, as they are written down."""

    seen_as: str
    coding: str
    data: bytes

    @classmethod
    def of(cls, ref: PreprocessingRef, shape: Shape, pixels: NDArray[np.uint8]) -> SeenPixels:
        """Write down uint8 pixels of ``shape`` (height, width, channels), flat or not."""
        if pixels.size <= SMALL_BYTES or shape[2] != COLOUR:
            return cls(seen_as(ref, shape), RAW, pixels.tobytes())
        # Only photographs need it: the desk and most runs do not.
        import simplejpeg

        image = np.ascontiguousarray(pixels.reshape(shape))
        data = simplejpeg.encode_jpeg(image, QUALITY, "RGB", SAMPLING, False)
        return cls(seen_as(ref, shape), JPEG, bytes(data))


def read_pixels(coding: str, data: bytes, shape: Shape) -> NDArray[np.uint8] | None:
    """Return the pixels of ``shape`` that were written down; None for what nobody can read."""
    if coding == JPEG:
        import simplejpeg

        try:
            pixels = simplejpeg.decode_jpeg(data, "RGB")
        except ValueError:
            return None
    else:
        pixels = np.frombuffer(data, np.uint8)
    if pixels.size != np.prod(shape):
        return None
    return np.array(pixels, np.uint8).reshape(shape)


def seen_as(ref: PreprocessingRef, shape: Shape) -> str:
    """Return what pixels go by in the store: ``photo 2 224x224x3``."""
    return f"{ref.name} {ref.version} {'x'.join(map(str, shape))}"


class KeptPicture(Struct, frozen=True):
    """A picture of one image file.

    Attributes:
        picture: what a browser shows; upright, 256 pixels at most, without metadata.
        near: 64 bits; those of near-copies differ in few.
        seen: what the model saw, where one did.
    """

    batch: str
    path: str
    content_hash: str
    picture: bytes
    media_type: MediaType
    near: int
    seen: SeenPixels | None = None

    @property
    def size(self) -> int:
        """Return the bytes of picture and pixels."""
        return len(self.picture) + (len(self.seen.data) if self.seen else 0)
