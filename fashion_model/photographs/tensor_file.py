"""Read the tensors of a file that PyTorch saved before its version 1.6, and nothing else of it.

Such a file is five pickles and then the numbers. A pickle can name any function and have it
called, so this reader knows four names, none of which is the one it stands for, and it reads no
file whose SHA-256 is not the expected one. Source: torch.serialization, `_legacy_save`.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_model.dataset.description import DataError

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
NUMBERS: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
}
Tensors = dict[str, NDArray[Any]]


def read_tensors(path: Path, sha256: str) -> Tensors:
    """Return the arrays by name that the file holds.

    Raises:
        DataError: no such file, another one than the expected, or one with anything but tensors.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise DataError(f"{path}: its SHA-256 is {digest[:12]}…, not {sha256[:12]}…: not the"
                        " file of weights that was expected; nothing of it was read")  # fmt: skip
    try:
        return _read(io.BytesIO(content))
    # What a broken pickle ends in depends on where it is broken.
    except Exception as error:
        raise DataError(f"{path}: holds more than tensors, or is broken: {error!r}") from error


@dataclass(frozen=True, slots=True)
class _Storage:
    """Numbers that follow after the pickles, by their key there."""

    key: str
    kind: np.dtype[Any]
    count: int


@dataclass(frozen=True, slots=True)
class _View:
    """A tensor: where its numbers begin in a storage, and its shape and strides in numbers."""

    storage: _Storage
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Return a copy of the tensor out of its storage's ``numbers``."""
        reach = sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        if min((self.start, *self.shape, *self.strides), default=0) < 0 or (
            0 not in self.shape and self.start + reach >= len(numbers)
        ):
            raise ValueError("a tensor reaches beyond its numbers")
        steps = [step * numbers.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(numbers[self.start :], self.shape, steps).copy()


class _Table(dict[str, Any]):
    """Stands for OrderedDict. PyTorch notes its modules' versions on one, which nobody needs."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        if set(state) != {"_metadata"}:
            raise pickle.UnpicklingError("a table has other attributes than its metadata")


@dataclass(frozen=True, slots=True)
class _Rebuild:
    """Stands for the function that makes a tensor; it has no attributes that could be set."""

    def __call__(self, storage: Any, start: Any, shape: Any, strides: Any, *_: Any) -> _View:
        numbers = (start, *shape, *strides)
        if not isinstance(storage, _Storage) or any(type(number) is not int for number in numbers):
            raise pickle.UnpicklingError("a tensor of something else than numbers")
        return _View(storage, start, tuple(shape), tuple(strides))


class _TensorUnpickler(pickle.Unpickler):
    """An unpickler without powers: nothing outside this module can be named."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name that a tensor has; UnpicklingError for any other."""
        if (module, name) == ("collections", "OrderedDict"):
            return _Table
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Rebuild()
        if module == "torch" and name in NUMBERS:
            return name
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, reference: Any) -> _Storage:
        what, kind, key, _device, count, _view = reference
        if what != "storage" or type(key) is not str or type(count) is not int:
            raise pickle.UnpicklingError("it refers to something else than numbers")
        return _Storage(key, NUMBERS[kind], count)


def _read(file: io.BytesIO) -> Tensors:
    magic, protocol, _machine, views, keys = (_TensorUnpickler(file).load() for _ in range(5))
    if (magic, protocol) != (MAGIC, PROTOCOL):
        raise ValueError("its head is not that of a file of tensors")
    if type(views) is not _Table or not all(type(view) is _View for view in views.values()):
        raise ValueError("it is no table of tensors")
    storages = {view.storage.key: view.storage for view in views.values()}
    numbers = {key: _numbers(file, storages[key]) for key in keys}
    if file.read(1):
        raise ValueError("there is more after its numbers")
    return {str(name): view.of(numbers[view.storage.key]) for name, view in views.items()}


def _numbers(file: io.BytesIO, storage: _Storage) -> NDArray[Any]:
    (count,) = struct.unpack("<q", file.read(8))
    content = file.read(max(0, count) * storage.kind.itemsize)
    if count != storage.count or len(content) != count * storage.kind.itemsize:
        raise ValueError("its numbers are cut short")
    return np.frombuffer(content, storage.kind)
