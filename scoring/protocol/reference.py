"""The reference of a model: what it said of each image that nobody trained it on.

A bundle may bring one (``reference.npz``, sealed like its other files). Who watches a model for
months holds its nights against it: how sure it is where it is right, and what its images look like.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.protocol.errors import ScoringError
from scoring.protocol.metadata import REFERENCE_BYTES

MOST_INFLATED = 16_000_000
CODES, NUMBERS, WHO, FLAGS = np.uint16, np.float32, np.uint32, np.bool_
# What NumPy and zipfile say of bytes that are no archive of arrays, or a broken one.
NOT_ARRAYS = (
    *(ValueError, KeyError, TypeError, OSError, EOFError, MemoryError, RuntimeError),
    *(NotImplementedError, struct.error, zipfile.BadZipFile, zlib.error),
)

Codes = NDArray[np.uint16]
Numbers = NDArray[np.float32]


class BadReference(ScoringError):
    """These bytes are no reference of a model with so many classes."""

    code = "bad-reference"


class Reference(Struct, frozen=True):
    """One entry an image in each array, all of length N >= 1.

    Attributes:
        truth, predicted, second: classes by their place among the model's labels, uint16; what it
            is, what the model says, and what it says next.
        confidence, second_confidence: calibrated probabilities of 0-1, float32.
        outlier_score: larger for what is less like the training images, float32.
        brightness, contrast, foreground: shares of 0-1, float32 (``image_statistics``).
        group: whose image it is, or what it is a near-copy of, uint32: those of one group are
            alike. Each its own where nobody knows.
        flagged: whether the model asks for a person, bool.
    """

    truth: Codes
    predicted: Codes
    second: Codes
    confidence: Numbers
    second_confidence: Numbers
    outlier_score: Numbers
    brightness: Numbers
    contrast: Numbers
    foreground: Numbers
    group: NDArray[np.uint32]
    flagged: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Return which images were named right, bool [N]."""
        return np.asarray(self.truth == self.predicted, np.bool_)

    def take(self, which: NDArray[Any]) -> Reference:
        """Return the images with these indexes, or of this mask."""
        return Reference(*(getattr(self, name)[which] for name in KINDS))

    def to_bytes(self) -> bytes:
        """Return it as a compressed npz file, the same bytes for the same images."""
        file = io.BytesIO()
        arrays: dict[str, Any] = {
            name: np.ascontiguousarray(getattr(self, name), KINDS[name]) for name in KINDS
        }
        np.savez_compressed(file, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, classes: int) -> Reference:
        """Read what ``to_bytes`` wrote, of a model with so many classes; raises BadReference."""
        try:
            reference = cls(**_arrays(content))
        except NOT_ARRAYS as error:
            raise BadReference(f"not a model's reference: {error!r}") from error
        _check(reference, classes)
        return reference


KINDS: dict[str, Any] = {
    **dict.fromkeys(Reference.__struct_fields__, NUMBERS),
    **{name: CODES for name in ("truth", "predicted", "second")},
    "group": WHO,
    "flagged": FLAGS,
}
_SHARES = ("confidence", "second_confidence", "brightness", "contrast", "foreground")


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays by name; sizes are looked at before anything is inflated."""
    if len(content) > REFERENCE_BYTES:
        raise ValueError(f"{len(content)} bytes, more than {REFERENCE_BYTES}")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > MOST_INFLATED:
        raise ValueError(f"its arrays take {size} bytes, more than {MOST_INFLATED}")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in KINDS}


def _check(reference: Reference, classes: int) -> None:
    for name, kind in KINDS.items():
        array = getattr(reference, name)
        if array.shape != (len(reference.truth),) or array.dtype != kind or not array.size:
            wanted = f"{np.dtype(kind).name}[{len(reference.truth)}]"
            raise BadReference(f"{name} is {array.dtype}{list(array.shape)}, not {wanted}")
    for name in ("truth", "predicted", "second"):
        if getattr(reference, name).max() >= classes:
            raise BadReference(f"{name} has a class that the model's {classes} labels do not have")
    for name in _SHARES:
        values = getattr(reference, name)
        if not ((values >= 0) & (values <= 1)).all():
            raise BadReference(f"{name} has values that are no shares of 0 to 1")
    if not np.isfinite(reference.outlier_score).all():
        raise BadReference("outlier_score has values that are no numbers")
