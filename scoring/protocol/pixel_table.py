"""A table of pixels as people write it: rows of numbers, with or without names for the columns.

Types and sizes are looked at before anything is converted: a row of numbers takes as many bytes as
it has pixels, whatever else stands in it is refused unconverted.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.protocol.errors import InvalidPixels
from scoring.protocol.signature import InputSpec

# How others name 784 columns, beside the signature's own way: (prefix, first number).
KNOWN_NAMES = (("pixel", 1), ("pixel", 0), ("", 0), ("", 1))
PLAIN_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
NUMBERS = frozenset({int, float})
# Of a value that a message quotes.
SHOWN_CHARACTERS = 40
# Larger than anyone writes as digits.
SHOWN_NUMBER = 1e300


def decode_table(
    rows: list[Any], columns: Any, spec: InputSpec, booleans: bool
) -> NDArray[np.uint8]:
    """Return uint8 [N, H·W·C] with the pixels in the model's order.

    Args:
        rows: lists of whole numbers 0 to 255, as JSON gave them.
        columns: their names, or None where they stand in the model's order already.
        spec: the model's input.
        booleans: whether there may be some among the pixels, which Python takes for numbers.

    Raises InvalidPixels and names the first row, column or name that is wrong.
    """
    order = None if columns is None else column_order(columns, spec)
    pixels = decode_rows(rows, spec.row_length, booleans)
    if order is None:
        return pixels
    sorted_ = np.empty_like(pixels)
    sorted_[:, order] = pixels
    return sorted_


def column_order(columns: Any, spec: InputSpec) -> NDArray[np.intp]:
    """Return the place of each named column in the model's row.

    Numbers from 0 and from 1 are told apart by the names that are there. Raises InvalidPixels
    for a name that is doubled or foreign, and for a wrong number of them.
    """
    if not isinstance(columns, list):
        raise InvalidPixels(f"columns is a list of this model's {spec.row_length} names")
    names = [_name(column, place) for place, column in enumerate(columns)]
    namings = ((spec.columns.prefix, spec.columns.first), *KNOWN_NAMES)
    if len(names) == spec.row_length:
        for prefix, first in namings:
            places = _places(names, prefix, first)
            if places is not None:
                return _each_once(places, names)
    raise wrong_columns(names, spec)


def is_column_name(name: str, spec: InputSpec) -> bool:
    """Tell whether a name could be that of a column of pixels, in any of the ways to name them."""
    prefixes = (spec.columns.prefix, *(prefix for prefix, _ in KNOWN_NAMES))
    return any(_number(name, prefix) is not None for prefix in prefixes)


def wrong_columns(names: list[str], spec: InputSpec) -> InvalidPixels:
    """Return the error for columns that are not the model's: how many, which one, what is right."""
    count, own = spec.row_length, spec.column_names()
    number = f"there are {len(names)} columns; " if len(names) != count else ""
    odd = _odd_one(names, spec.columns.prefix)
    which = "" if odd is None else f"{odd[:SHOWN_CHARACTERS]!r} is none of them; "
    if odd is None and len(names) < count:
        which = f"{_missing_one(names, spec)!r} is missing; "
    return InvalidPixels(
        f"{number}the columns are not those of this model: {which}name them {own[0]} to"
        f" {own[-1]} or 0 to {count - 1}, each once, or leave columns out"
    )


def _missing_one(names: list[str], spec: InputSpec) -> str:
    """Return the first column that is not there, named in the way that most of the others are."""
    given = set(names)
    lacking = [
        [name for at in range(spec.row_length) if (name := f"{prefix}{first + at}") not in given]
        for prefix, first in ((spec.columns.prefix, spec.columns.first), *KNOWN_NAMES)
    ]
    return min(lacking, key=lambda names: len(names))[0]


def _odd_one(names: list[str], prefix: str) -> str | None:
    """Return the first name that is not like the others; what they are like a few of them tell."""
    few = [*names[:2], *names[-2:]]
    for start in (prefix, *(known for known, _ in KNOWN_NAMES)):
        if any(_number(name, start) is not None for name in few):
            return next((name for name in names if _number(name, start) is None), None)
    return names[0] if names else None


def _number(name: str, prefix: str) -> int | None:
    """Return the number in a name; one is written in one way: no sign, no zero before it."""
    digits = name.removeprefix(prefix) if name.startswith(prefix) else ""
    return int(digits) if PLAIN_NUMBER.fullmatch(digits) else None


def _name(column: Any, place: int) -> str:
    if type(column) not in (int, str):
        raise InvalidPixels(f"the name of column {place} is neither a string nor a whole number")
    return str(column)


def _places(names: list[str], prefix: str, first: int) -> NDArray[np.intp] | None:
    """Return the place of each name that is ``prefix`` and a number from ``first`` on.

    None where one of them is not.
    """
    places = np.empty(len(names), dtype=np.intp)
    for at, name in enumerate(names):
        number = _number(name, prefix)
        if number is None:
            return None
        places[at] = number - first
    return places if places.min() >= 0 and places.max() < len(names) else None


def _each_once(places: NDArray[np.intp], names: list[str]) -> NDArray[np.intp]:
    doubled = np.flatnonzero(np.bincount(places) > 1)
    if len(doubled):
        name = names[int(np.argmax(places == doubled[0]))]
        raise InvalidPixels(f"the column {name} is there more than once")
    return places


def decode_rows(
    rows: list[Any], row_length: int, booleans: bool, first: int = 0
) -> NDArray[np.uint8]:
    """Return uint8 [N, row_length] from lists of whole numbers 0 to 255.

    Raises InvalidPixels, which tells the row by its number from ``first`` on.
    """
    raw = bytearray()
    for number, row in enumerate(rows, first):
        if not isinstance(row, list) or len(row) != row_length:
            raise InvalidPixels(_no_row(row, number, row_length))
        if booleans and bool in map(type, row):
            raise InvalidPixels(f"row {number} holds a boolean; send integers 0 to 255")
        try:
            raw += bytes(row)
        except (TypeError, ValueError, OverflowError):
            raw += _whole_numbers(row, number)
    return np.frombuffer(raw, dtype=np.uint8).reshape(len(rows), row_length)


def _no_row(row: Any, number: int, row_length: int) -> str:
    what = f"row {number} is not a list of {row_length} pixels"
    if type(row) in NUMBERS:
        return f"{what} but a number; put one image alone in a list of its own: [[…]]"
    if isinstance(row, str):
        return f'{what} but a text; a picture in base64 is {{"b64": "…"}} among instances'
    if isinstance(row, dict):
        return f"{what} but an object of {len(row)} entries; list its numbers alone: [[…]]"
    return f"{what}, it has {len(row)} values" if isinstance(row, list) else what


def _whole_numbers(row: list[Any], number: int) -> bytes:
    """Return a row whose numbers may be written like 255.0; raises InvalidPixels for others."""
    if set(map(type, row)) <= NUMBERS:
        values = np.array(row, dtype=np.float64)
        if ((values >= 0) & (values <= 255) & (values == np.floor(values))).all():
            return values.astype(np.uint8).tobytes()
    column, value = next((at, value) for at, value in enumerate(row) if not _is_pixel(value))
    raise InvalidPixels(
        f"row {number}, column {column} holds {_shown(value)}; send integers 0 to 255"
    )


def _is_pixel(value: Any) -> bool:
    return type(value) in NUMBERS and 0 <= value <= 255 and value == int(value)


def _shown(value: Any) -> str:
    """Return a value for a message, whose length does not follow the value's."""
    if isinstance(value, str):
        return repr(value[:SHOWN_CHARACTERS])
    if isinstance(value, float) and abs(value) >= SHOWN_NUMBER:
        return "a number of more than 300 digits"
    return repr(value) if value is None or isinstance(value, int | float) else "a list or object"
