"""Tensors of the Open Inference Protocol, as JSON and as little-endian bytes."""

from __future__ import annotations

import struct
from itertools import chain
from math import prod
from typing import Any, Self

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.protocol.errors import BadRequest, InvalidPixels
from scoring.protocol.pixel_table import decode_rows
from scoring.protocol.signature import InputSpec

# The protocol's numbers that can hold a pixel, as NumPy reads them from bytes.
NUMBERS = {
    **{"UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8"},
    **{"INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8"},
    **{"FP16": "<f2", "FP32": "<f4", "FP64": "<f8"},
}
LENGTH = struct.Struct("<I")
# Images, height, width, channels.
MAX_DIMENSIONS = 4


class Tensor(Struct, frozen=True):
    """One output: texts, or float32 numbers, in row-major order."""

    shape: list[int]
    values: list[str] | NDArray[np.float32]

    @classmethod
    def of_texts(cls, texts: list[str]) -> Self:
        """Return BYTES [N]."""
        return cls([len(texts)], texts)

    @classmethod
    def of_numbers(cls, numbers: NDArray[np.float64]) -> Self:
        """Return FP32 of the same shape."""
        return cls(list(numbers.shape), numbers.astype("<f4").ravel())

    @property
    def datatype(self) -> str:
        """The protocol's name of it."""
        return "BYTES" if isinstance(self.values, list) else "FP32"

    def as_bytes(self) -> bytes:
        """Return the little-endian numbers, or each text behind its length."""
        if not isinstance(self.values, list):
            return self.values.tobytes()
        elements = [text.encode() for text in self.values]
        return b"".join(part for one in elements for part in (LENGTH.pack(len(one)), one))


def row_count(shape: Any, spec: InputSpec) -> int:
    """Return how many images a tensor of this shape holds.

    [N, H·W·C], [N, H, W, C], and of one channel [N, H, W] or [N, 1, H, W]. Channels that stand
    first are another order of bytes, so that shape is refused for colours. Raises InvalidPixels.
    """
    height, width, channels = spec.shape
    sides = {(spec.row_length,), (height, width, channels)}
    if channels == 1:
        sides |= {(height, width), (1, height, width)}
    fits = isinstance(shape, list) and 2 <= len(shape) <= MAX_DIMENSIONS
    if not fits or any(type(side) is not int or side < 0 for side in shape):
        raise BadRequest("a tensor's shape is a list of 2 to 4 whole numbers, the images first")
    if tuple(shape[1:]) not in sides:
        raise InvalidPixels(
            f"the shape is [images, {spec.row_length}] or [images, {height}, {width}, {channels}]"
            " for this model"
        )
    return int(shape[0])


def pixels_of_json(
    data: Any, shape: list[int], spec: InputSpec, booleans: bool
) -> NDArray[np.uint8]:
    """Return uint8 [N, H·W·C] of a tensor's ``data``, flat or nested as its shape says.

    Raises BadRequest where it is not so, InvalidPixels for numbers that are no pixels.
    """
    flat = _flat(data, shape)
    length = spec.row_length
    rows = [flat[start : start + length] for start in range(0, len(flat), length)]
    return decode_rows(rows, length, booleans)


def pixels_of_bytes(
    raw: bytes | memoryview, datatype: str, rows: int, spec: InputSpec
) -> NDArray[np.uint8]:
    """Return uint8 [N, H·W·C] of a tensor's bytes; raises InvalidPixels."""
    dtype = np.dtype(NUMBERS[datatype])
    expected = rows * spec.row_length * dtype.itemsize
    if len(raw) != expected:
        raise InvalidPixels(f"the tensor has {len(raw)} bytes, its shape needs {expected}")
    values = np.frombuffer(raw, dtype).reshape(rows, spec.row_length)
    if dtype == np.uint8:
        return values.view(np.uint8)
    wrong = ~((values >= 0) & (values <= 255) & (values == np.floor(values)))
    if wrong.any():
        row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
        raise InvalidPixels(
            f"row {row}, column {column} holds {values[row, column]}; send whole numbers 0 to 255"
        )
    return values.astype(np.uint8)


def _flat(data: Any, shape: list[int]) -> list[Any]:
    """Return the numbers of a list that is flat, or nested as deep as the shape has sides."""
    count = prod(shape)
    for depth in range(1, len(shape)):
        if not isinstance(data, list) or not (data and isinstance(data[0], list)):
            break
        if any(type(one) is not list or len(one) != shape[depth] for one in data):
            raise InvalidPixels("a tensor's data is not nested as its shape says")
        data = list(chain.from_iterable(data))
    if not isinstance(data, list):
        raise BadRequest("a tensor's data is a list, flat or nested as its shape says")
    if len(data) != count:
        raise InvalidPixels(f"a tensor's data has {len(data)} numbers, its shape says {count}")
    return data
