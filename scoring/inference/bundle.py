"""Load a model bundle, and refuse one that is not what its signature says.

A bundle is a folder: ``signature.json``, the head and the integer network. Bundles that have the
same network may share one file of it, which lies beside their folders under its hash. The
reference that a network was made from is for training; a bundle need not have it.

BundleError                 a bundle that will not be served; the message says why
├── BundleMissing           no such folder, or a file of the bundle is not there
├── BundleUnreadable        a file is there and cannot be read as what it should be
├── BundleSignatureError    signature.json is broken, or its version is not its content's
└── BundleHashMismatch      a file is not the one the signature was written for
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from scoring.protocol.bundle_names import BACKBONES_FOLDER, is_backbones_folder
from scoring.protocol.errors import ScoringError
from scoring.protocol.reference import NOT_ARRAYS
from scoring.protocol.signature import REFERENCE_NAME, Signature, SignatureError, parse_signature

SIGNATURE_FILE = "signature.json"
SERVED_FILE = "model.tflite"
HEAD_FILE = "head.npz"
REFERENCE_FILE = "model.keras"
FEATURES_FILE = "features.npz"
# Not needed to serve; where one was left at home, nothing is missing.
OPTIONAL_FILES = frozenset({REFERENCE_FILE, FEATURES_FILE, REFERENCE_NAME})
# The whitening of 1,280 features takes 7 MB; all else is small.
MAX_HEAD_BYTES = 64_000_000
# The array of it that may be in half precision.
HALF = "whitening"
# The one that need not be there: heads were made before it was thought of.
RELATIVE = "relative"


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


class Head(Struct, frozen=True):
    """The float layer over the pooled features, and what measures their strangeness.

    kernel float32 [F, K], bias float32 [K]; whitening [F, W] makes the covariance that the classes
    share the identity, for the square roots of the features; class_means float32 [K, W] are the
    classes' means after it. The whitening is float32, or float16 where it is large. Where
    ``relative`` (bool [], false if it is not there) says so, strangeness is measured of the
    features as shares of their sum.
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    whitening: NDArray[np.float32] | NDArray[np.float16]
    class_means: NDArray[np.float32]
    relative: NDArray[np.bool_] = field(default_factory=lambda: np.array(False))


class Bundle(Struct, frozen=True):
    """A bundle whose files are those of its signature.

    ``model`` is the LiteRT flatbuffer of the integer network, which was read from ``model_file``;
    ``held_out`` what it said of held-out images (``Reference``), None where it came without. All
    that is served is in memory: another bundle may take the folder's place meanwhile.
    """

    folder: Path
    signature: Signature
    model: bytes
    model_file: Path
    head: Head
    held_out: bytes | None = None

    @property
    def reference(self) -> Path | None:
        """Return the file of the float32 network it was made from, None where it came without."""
        path = self.folder / REFERENCE_FILE
        return path if REFERENCE_FILE in self.signature.files and path.is_file() else None


class Backbones:
    """Networks in memory by their SHA-256, so that bundles with the same one share its bytes."""

    def __init__(self) -> None:
        self._by_digest: dict[str, bytes] = {}

    def read(self, folder: Path, digest: str) -> tuple[bytes, Path]:
        """Return the verified network of the bundle in ``folder`` and the file that has it."""
        path = _find_backbone(folder, digest)
        if path.parent == folder or digest not in self._by_digest:
            self._by_digest.setdefault(digest, _read_verified(path, digest))
        return self._by_digest[digest], path


def load_bundle(folder: Path, backbones: Backbones | None = None) -> Bundle:
    """Read and verify the bundle in ``folder``; ``backbones`` are those in memory already.

    Raises:
        BundleError: one of the subclasses above, with the file and the reason.
    """
    return read_bundle(folder, read_signature(folder), backbones)


def read_bundle(folder: Path, signature: Signature, backbones: Backbones | None = None) -> Bundle:
    """Read and verify the files in ``folder`` as those of a bundle with that signature.

    Raises:
        BundleError: as ``load_bundle``.
    """
    files = dict(signature.files)
    model, model_file = (backbones or Backbones()).read(folder, files.pop(SERVED_FILE))
    head_file = folder / HEAD_FILE
    head = _read_head(
        head_file, _read_verified(head_file, files.pop(HEAD_FILE)), len(signature.labels)
    )
    held_out = _read_held_out(folder / REFERENCE_NAME, files.pop(REFERENCE_NAME, ""))
    for name, digest in files.items():
        if name not in OPTIONAL_FILES or (folder / name).exists():
            _verify(folder / name, digest)
    return Bundle(folder, signature, model, model_file, head, held_out)


def shared_backbone(folder: Path, digest: str) -> Path:
    """Return where a network lies that the bundle in ``folder`` shares with those beside it."""
    return folder.resolve().parent / BACKBONES_FOLDER / f"{digest}.tflite"


def read_signature(folder: Path) -> Signature:
    """Return the checked signature of the bundle in ``folder``.

    Raises:
        BundleError: as ``load_bundle``.
    """
    if not folder.is_dir():
        raise BundleMissing(f"{folder}: there is no such model folder")
    if is_backbones_folder(folder):
        raise BundleMissing(
            f"{folder}: holds networks that bundles share and is no bundle; name a bundle's folder"
        )
    path = folder / SIGNATURE_FILE
    try:
        signature = parse_signature(_read_file(path))
    except SignatureError as error:
        raise BundleSignatureError(f"{path}: {error}") from error
    for name in (SERVED_FILE, HEAD_FILE):
        if name not in signature.files:
            raise BundleSignatureError(f"{path}: files does not name {name}")
    return signature


def _find_backbone(folder: Path, digest: str) -> Path:
    """Return the bundle's own file of its network, or else the shared one."""
    own, shared = folder / SERVED_FILE, shared_backbone(folder, digest)
    if own.exists():
        return own
    if shared.exists():
        return shared
    raise BundleMissing(f"{own}: the file is missing, and there is no {shared} to share either")


def _read_held_out(path: Path, digest: str) -> bytes | None:
    return _read_verified(path, digest) if digest and path.exists() else None


def _read_verified(path: Path, digest: str) -> bytes:
    content = _read_file(path)
    _compare(path, hashlib.sha256(content).hexdigest(), digest)
    return content


def _verify(path: Path, digest: str) -> None:
    """Hold a file against its hash without having all of it in memory."""
    with _file_errors(path), path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    _compare(path, actual, digest)


def _compare(path: Path, actual: str, digest: str) -> None:
    if actual != digest:
        raise BundleHashMismatch(
            f"{path}: SHA-256 is {actual[:12]}…, the signature says {digest[:12]}…:"
            " the file is corrupt or belongs to another model"
        )


def _read_file(path: Path) -> bytes:
    with _file_errors(path):
        return path.read_bytes()


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """Say of a file that cannot be read why it cannot; a pipe would be waited for without end."""
    if path.exists() and not path.is_file():
        raise BundleUnreadable(f"{path}: is no regular file")
    try:
        yield
    except FileNotFoundError as error:
        raise BundleMissing(f"{path}: the file is missing") from error
    except OSError as error:
        raise BundleUnreadable(f"{path}: {error.strerror or error}") from error


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
    if head.relative.shape != () or head.relative.dtype != np.bool_:
        raise BundleUnreadable(f"{path}: {RELATIVE} is not one bool")
    return head


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of an npz file by name; it is looked at before anything is inflated."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > MAX_HEAD_BYTES:
        raise ValueError(f"its arrays take {size} bytes, more than {MAX_HEAD_BYTES}")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        optional = {RELATIVE} - set(arrays.files)
        return {name: arrays[name] for name in set(Head.__struct_fields__) - optional}


def _size(array: NDArray[Any], axis: int) -> int:
    """Return the length of an axis, at least 1: an array that lacks it, or is empty, fits not."""
    return max(1, array.shape[axis]) if array.ndim > axis else 1


def _check_array(path: Path, name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    kinds = (np.float32, np.float16) if name == HALF else (np.float32,)
    if array.shape != shape or array.dtype not in kinds:
        wanted = " or ".join(np.dtype(kind).name for kind in kinds)
        raise BundleUnreadable(
            f"{path}: {name} is {array.dtype}{list(array.shape)}, not {wanted}{list(shape)}"
        )
    if not np.isfinite(array).all():
        raise BundleUnreadable(f"{path}: {name} holds NaN or infinity")
