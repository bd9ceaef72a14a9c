"""Load a model bundle, and refuse one that is not what its signature says.

BundleError                 a bundle that will not be served; the message says why
├── BundleMissing           no such folder, or a file of the bundle is not there
├── BundleUnreadable        a file is there and cannot be read as what it should be
├── BundleSignatureError    signature.json is broken, or its version is not its content's
└── BundleHashMismatch      a file is not the one the signature was written for
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scoring.protocol.errors import ScoringError
from scoring.protocol.signature import Signature, SignatureError, parse_signature

SIGNATURE_FILE = "signature.json"
SERVED_FILE = "model.tflite"
HEAD_FILE = "head.npz"
REFERENCE_FILE = "model.keras"
# A head has some ten thousand numbers.
MAX_HEAD_BYTES = 64_000_000
# What NumPy and zipfile say of a file that is no archive of arrays, or a broken one.
NOT_ARRAYS = (
    *(ValueError, KeyError, TypeError, OSError, EOFError, MemoryError, RuntimeError),
    *(NotImplementedError, struct.error, zipfile.BadZipFile, zlib.error),
)


class BundleError(ScoringError):
    """A bundle that will not be served."""

    code = "bundle"


class BundleMissing(BundleError):
    """The folder or one of its files is not there."""


class BundleUnreadable(BundleError):
    """A file cannot be read as what it should be."""


class BundleSignatureError(BundleError):
    """The signature is broken or is not that of its content."""


class BundleHashMismatch(BundleError):
    """A file is not the one the signature was written for."""


@dataclass(frozen=True)
class Head:
    """The float layer over the pooled features, and what measures their strangeness.

    kernel float32 [F, K], bias float32 [K]; whitening float32 [F, W] makes the covariance that
    the classes share the identity, for the square roots of the features; class_means float32
    [K, W] are the classes' means after it.
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    whitening: NDArray[np.float32]
    class_means: NDArray[np.float32]


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files are those of its signature; ``model`` is the LiteRT flatbuffer."""

    folder: Path
    signature: Signature
    model: bytes
    head: Head


def load_bundle(folder: Path) -> Bundle:
    """Read and verify the bundle in ``folder``.

    Raises:
        BundleError: one of the subclasses above, with the file and the reason.
    """
    if not folder.is_dir():
        raise BundleMissing(f"{folder}: there is no such model folder")
    signature = _read_signature(folder)
    contents = {name: _read_file(folder, name) for name in signature.files}
    for name, digest in signature.files.items():
        _verify(folder / name, contents[name], digest)
    head = _read_head(folder / HEAD_FILE, contents[HEAD_FILE], len(signature.labels))
    return Bundle(folder, signature, contents[SERVED_FILE], head)


def _read_signature(folder: Path) -> Signature:
    path = folder / SIGNATURE_FILE
    try:
        signature = parse_signature(_read_file(folder, SIGNATURE_FILE))
    except SignatureError as error:
        raise BundleSignatureError(f"{path}: {error}") from error
    for name in (SERVED_FILE, HEAD_FILE):
        if name not in signature.files:
            raise BundleSignatureError(f"{path}: files does not name {name}")
    return signature


def _read_file(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise BundleMissing(f"{path}: the file is missing") from error
    except OSError as error:
        raise BundleUnreadable(f"{path}: {error.strerror or error}") from error


def _verify(path: Path, content: bytes, digest: str) -> None:
    actual = hashlib.sha256(content).hexdigest()
    if actual != digest:
        raise BundleHashMismatch(
            f"{path}: SHA-256 is {actual[:12]}…, the signature says {digest[:12]}…:"
            " the file is corrupt or belongs to another model"
        )


def _read_head(path: Path, content: bytes, classes: int) -> Head:
    try:
        head = Head(**_arrays(content))
    except NOT_ARRAYS as error:
        raise BundleUnreadable(f"{path}: not the head of a bundle: {error!r}") from error
    features, width = _size(head.kernel, 0), _size(head.whitening, 1)
    shapes = {
        "kernel": (features, classes),
        "bias": (classes,),
        "whitening": (features, width),
        "class_means": (classes, width),
    }
    for name, shape in shapes.items():
        _check_array(path, name, getattr(head, name), shape)
    return head


def _arrays(content: bytes) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of an npz file by name; it is looked at before anything is inflated."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > MAX_HEAD_BYTES:
        raise ValueError(f"its arrays take {size} bytes, more than {MAX_HEAD_BYTES}")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in Head.__dataclass_fields__}


def _size(array: NDArray[np.float32], axis: int) -> int:
    """Return the length of an axis, at least 1: an array that lacks it, or is empty, fits not."""
    return max(1, array.shape[axis]) if array.ndim > axis else 1


def _check_array(path: Path, name: str, array: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if array.shape != shape or array.dtype != np.float32:
        raise BundleUnreadable(
            f"{path}: {name} is {array.dtype}{list(array.shape)}, not float32{list(shape)}"
        )
    if not np.isfinite(array).all():
        raise BundleUnreadable(f"{path}: {name} holds NaN or infinity")
