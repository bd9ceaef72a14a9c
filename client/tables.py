"""A table of pixels that a program holds → uint8 rows in the model's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scoring.protocol.errors import InvalidPixels
from scoring.protocol.pixel_table import column_order
from scoring.protocol.signature import InputSpec

if TYPE_CHECKING:
    import pandas as pd

# Rows that are looked at together: a table of floats takes eight times the memory of its pixels.
ROWS_AT_ONCE = 4_096
# Of a value that a message quotes; Python itself refuses to write numbers of many digits.
SHOWN_CHARACTERS = 60
MOST_SHOWN = 10**SHOWN_CHARACTERS


def frame_pixels(frame: pd.DataFrame, spec: InputSpec) -> NDArray[np.uint8]:
    """Return uint8 [N, H·W·C] of a pixel DataFrame.

    Its columns stand in any order and have the names of ``scoring.protocol.pixel_table``; its
    values are whole numbers 0 to 255 of any type, 255.0 too. Raises InvalidPixels that names the
    first column or value that is wrong.
    """
    columns = frame.columns.tolist()
    order = column_order(columns, spec)
    pixels = np.empty((len(frame), spec.row_length), dtype=np.uint8)
    for start in range(0, len(frame), ROWS_AT_ONCE):
        part = frame.iloc[start : start + ROWS_AT_ONCE]
        names = part.index

        def where(row: int, column: int, names: pd.Index[Any] = names) -> str:
            return f"row {names[row]!r}, column {columns[column]!r}"

        pixels[start : start + len(part), order] = _whole(part.to_numpy(), where)
    return pixels


def array_pixels(rows: NDArray[Any], spec: InputSpec) -> NDArray[np.uint8]:
    """Return uint8 [N, H·W·C] of an array of rows; raises InvalidPixels as ``frame_pixels``."""
    if rows.ndim != 2 or rows.shape[1] != spec.row_length:
        raise InvalidPixels(
            f"an array by itself holds rows of this model's {spec.row_length} pixels, not"
            f" {list(rows.shape)}; put pictures into a list"
        )
    return _whole(rows, lambda row, column: f"row {row}, column {column}")


def row_pixels(row: NDArray[Any], row_length: int) -> NDArray[np.uint8]:
    """Return uint8 [H·W·C] of an array of one dimension; raises InvalidPixels."""
    if len(row) != row_length:
        raise InvalidPixels(f"a row of this model has {row_length} pixels, this one {len(row)}")
    pixels = _whole(row[np.newaxis], lambda _, column: f"pixel {column}")
    return np.ascontiguousarray(pixels[0])


def check_filled(values: NDArray[Any]) -> None:
    """Raise InvalidPixels for a masked array that leaves pixels out: under a mask lies anything."""
    if type(values) is np.ndarray:
        return  # and ``numpy.ma`` need not be loaded
    left_out = np.count_nonzero(np.ma.getmask(values))
    if left_out:
        raise InvalidPixels(
            f"{left_out:,} pixels are left out by the array's mask; hand in array.filled(0), or"
            " with what else belongs there"
        )


def _whole(values: NDArray[Any], where: Callable[[int, int], str]) -> NDArray[np.uint8]:
    """Return values as uint8; raises InvalidPixels at the first that is no whole 0 to 255."""
    check_filled(values)
    if values.dtype == np.uint8:
        return values
    good = _are_pixels(values)
    if not good.all():
        row, column = np.unravel_index(int(np.argmin(good)), good.shape)
        raise InvalidPixels(
            f"{where(int(row), int(column))} holds {_shown(values[row, column])};"
            " pixels are whole numbers 0 to 255"
        )
    return values.astype(np.uint8)


def _are_pixels(values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.dtype.kind in "iuf":
        return np.asarray((values >= 0) & (values <= 255) & (values == np.floor(values)))
    if values.dtype.kind != "O":  # a time would pass for the number that it is stored as
        return np.zeros(values.shape, dtype=np.bool_)
    return np.fromiter(map(_is_pixel, values.flat), dtype=np.bool_).reshape(values.shape)


def _is_pixel(value: Any) -> bool:
    is_number = isinstance(value, int | float | np.integer | np.floating)
    return is_number and not isinstance(value, bool) and 0 <= value <= 255 and value == int(value)


def _shown(value: Any) -> str:
    """Return a value for a message, whose length does not follow the value's."""
    if isinstance(value, int) and abs(value) > MOST_SHOWN:
        return "a number of many digits"
    return repr(value.item() if isinstance(value, np.generic) else value)[:SHOWN_CHARACTERS]
