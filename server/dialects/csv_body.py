"""Rows of pixels as comma-separated values: what pandas' ``to_csv`` writes, or numbers only.

The first line names the columns, as RFC 4180 has it where nothing else is said; who has no such
line says ``text/csv; header=absent``. So no image is ever taken for names.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from werkzeug.http import parse_options_header

from scoring.protocol.errors import BadRequest, InvalidPixels, TooLarge, UnsupportedMedia
from scoring.protocol.frame_codec import RowIds, decode_ids
from scoring.protocol.pixel_table import column_order, decode_rows, is_column_name
from scoring.protocol.signature import Signature
from server.dialects.dialect import Call
from server.prediction_request import PredictionRequest, RequestLimits

MEDIA_TYPE = "text/csv"
# All that a CSV may be written in here; ASCII is a part of UTF-8.
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
# Of a name or an id, more or less; pixels are shorter.
FIELD_CHARACTERS = 100
# Of millions each would cost as much as a row.
MOST_BLANK_LINES = 100_000
OTHER_SEPARATORS = (";", "\t")
PIXEL_OF = {str(value): value for value in range(256)}
DECIMAL = re.compile(r"[0-9]{1,3}\.0*")
WHOLE = re.compile(r"0|-?[1-9][0-9]{0,15}")


def is_csv(call: Call) -> bool:
    """Tell whether a body is comma-separated values, by its type."""
    return call.media_type == MEDIA_TYPE


def weigh(call: Call) -> int:
    """Return what reading takes beside the body: its letters, and the pixels."""
    return 6 * len(call.body)


def read_csv(call: Call, signature: Signature, limits: RequestLimits) -> PredictionRequest:
    """Read the rows of a table; raises BadRequest, TooLarge or InvalidPixels."""
    options = _options(call)
    lines = _lines(call.body, signature)
    if _has_header(options):
        return _read_named(lines, signature, limits)
    pixels, _ = _read_rows(lines, signature, limits, has_ids=False)
    return PredictionRequest(range(len(pixels)), pixels)


def _read_named(
    lines: Iterator[list[str]], signature: Signature, limits: RequestLimits
) -> PredictionRequest:
    names, length = next(lines, []), signature.input.row_length
    has_ids = len(names) == length + 1 and not is_column_name(names[0], signature.input)
    if len(names) - has_ids != length:
        raise InvalidPixels(
            f"the first line has {len(names)} names; this model has {length} columns, and one"
            " before them, of any other name or of none, may hold ids"
        )
    try:
        order = column_order(names[1:] if has_ids else names, signature.input)
    except InvalidPixels as error:
        raise InvalidPixels(
            f"the first line names the columns (text/csv; header=absent says that it does not):"
            f" {error}"
        ) from error
    rows, ids = _read_rows(lines, signature, limits, has_ids=has_ids)
    pixels = np.empty_like(rows)
    pixels[:, order] = rows
    return PredictionRequest(ids, pixels)


def _read_rows(
    lines: Iterator[list[str]], signature: Signature, limits: RequestLimits, *, has_ids: bool
) -> tuple[Any, RowIds]:
    """Return uint8 [N, H·W·C] as they stand, and the ids before them or 0 … N-1."""
    raw, ids, count, length = bytearray(), [], 0, signature.input.row_length
    for line in lines:
        if count == limits.rows:
            raise TooLarge(
                f"there are more than {limits.rows} rows", code="too_many_rows", limit=limits.rows
            )
        if has_ids:
            ids.append(int(line[0]) if WHOLE.fullmatch(line[0]) else line[0])
        raw += _pixels(line[1:] if has_ids else line, count, length)
        count += 1
    pixels = np.frombuffer(raw, np.uint8).reshape(count, length)
    return pixels, decode_ids(ids, count) if has_ids else range(count)


def _pixels(fields: list[str], number: int, length: int) -> bytes:
    if len(fields) == length:
        try:
            return bytes(map(PIXEL_OF.__getitem__, fields))
        except KeyError:
            pass
    row = [_number(field) for field in fields]
    return decode_rows([row], length, booleans=False, first=number).tobytes()


def _number(field: str) -> int | float | str:
    """Return a whole number, also one like 255.0 or between blanks; else the text."""
    field = field.strip(" ")
    return float(field) if DECIMAL.fullmatch(field) else PIXEL_OF.get(field, field)


def _lines(body: bytes, signature: Signature) -> Iterator[list[str]]:
    """Yield the fields of each line that is not blank, as pandas does; blank ones have a bound."""
    try:
        text = body.decode("utf-8-sig").rstrip()
    except UnicodeDecodeError as error:
        raise BadRequest("the CSV is not in UTF-8; encode it so", code="invalid_csv") from error
    _check_separator(text.partition("\n")[0])
    stream = io.StringIO(text, newline="")
    longest = FIELD_CHARACTERS * (signature.input.row_length + 1)
    try:
        yield from _without_blanks(csv.reader(_bounded(stream, longest), strict=True))
    except csv.Error as error:
        raise BadRequest(f"the body is not valid CSV: {error}", code="invalid_csv") from error


def _check_separator(line: str) -> None:
    """Raise InvalidPixels for what Excel writes where commas are decimal, and for tabs."""
    other = next((mark for mark in OTHER_SEPARATORS if mark in line), None)
    if other and "," not in line:
        raise InvalidPixels(f"the values of a line are separated by commas here, not by {other!r}")


def _without_blanks(lines: Iterable[list[str]]) -> Iterator[list[str]]:
    blanks = 0
    for line in lines:
        if len(line) > 1 or "".join(line).strip():
            yield line
        elif (blanks := blanks + 1) > MOST_BLANK_LINES:
            raise InvalidPixels(f"there are more than {MOST_BLANK_LINES} blank lines")


def _bounded(lines: Iterable[str], longest: int) -> Iterator[str]:
    """A line of millions of commas would be as many fields before anyone counts them."""
    for line in lines:
        if len(line) > longest:
            raise InvalidPixels("a line is longer than this model's columns can be")
        yield line


def _options(call: Call) -> dict[str, str]:
    """Return the parameters of the type; raises UnsupportedMedia for another charset."""
    _, options = parse_options_header(call.headers.get("content-type"))
    if options.get("charset", "utf-8").strip().lower() not in CHARSETS:
        raise UnsupportedMedia("send CSV in UTF-8: text/csv; charset=utf-8")
    return options


def _has_header(options: Mapping[str, str]) -> bool:
    header = options.get("header", "present").strip().lower()
    if header not in ("present", "absent"):
        raise BadRequest("header is present or absent: text/csv; header=absent")
    return header == "present"
