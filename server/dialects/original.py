"""What the first version's client sent, and how it was answered.

Its body is a bare ``DataFrame.to_json()``: for each column an object with a value for each row.
The answer is a list of image number, item and percentage; the number is the frame's own index, by
which a caller may join the answer to his rows, whatever order they have.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from scoring.protocol.errors import BadRequest, InvalidPixels
from scoring.protocol.frame_codec import RowIds, decode_ids
from scoring.protocol.pixel_table import is_column_name
from scoring.protocol.signature import Signature
from server.dialects.dialect import Reply
from server.dialects.frame_forms import decode_columns
from server.handler import Answer
from server.prediction_request import Detail, PredictionRequest, RequestLimits

PERCENT_DECIMALS = 2
WHOLE = re.compile(r"0|-?[1-9][0-9]{0,19}")


class OriginalRequest(PredictionRequest, frozen=True):
    """Rows that are answered as the first version did."""


def is_original(document: Any) -> bool:
    """Tell whether a document is an object of objects, one for each column."""
    return isinstance(document, dict) and bool(document) and _are_objects(document)


def decode(
    document: dict[str, dict[str, Any]],
    signature: Signature,
    limits: RequestLimits,
    booleans: bool,
) -> OriginalRequest:
    """Read the columns; their rows have the order of the first one's keys.

    Raises BadRequest, InvalidPixels or TooLarge.
    """
    keys = list(next(iter(document.values())))
    if _is_by_row(document, keys, signature):
        raise InvalidPixels(
            "the frame is written by rows, as pandas does with orient='index'; send it by columns"
            " (to_json() as it is) or as dataframe_split"
        )
    columns = {name: _values(name, column, keys) for name, column in document.items()}
    pixels = decode_columns(columns, signature, limits, booleans)
    return OriginalRequest(_ids(keys), pixels)


def check_detail(detail: Detail) -> None:
    """Raise BadRequest where the answer is asked for what it has no room for."""
    if detail != Detail():
        raise BadRequest(
            "the answer to a bare DataFrame.to_json() has no room for probabilities or top;"
            " send the frame as dataframe_split"
        )


def encode(request: OriginalRequest, answer: Answer) -> Reply:
    """Write ``[[0, "Ankle boot", 97.31], …]``: index, label, confidence in percent."""
    labels, seen = answer.signature.labels, answer.predictions
    columns = zip(request.ids, seen.class_index.tolist(), seen.confidence.tolist(), strict=True)
    rows = [
        [number, labels[index], round(100 * confidence, PERCENT_DECIMALS)]
        for number, index, confidence in columns
    ]
    return Reply(orjson.dumps(rows))


def _is_by_row(document: dict[str, Any], keys: list[str], signature: Signature) -> bool:
    """Tell whether the pixels' names stand within the rows; numbers may be those of either."""
    length = signature.input.row_length
    named = all(is_column_name(key, signature.input) and not WHOLE.fullmatch(key) for key in keys)
    return len(keys) == length and (named or len(document) != length)


def _ids(index: Sequence[str]) -> RowIds:
    """Return the frame's index, which JSON has as texts, where it is whole numbers.

    Texts have no place in the answer: their rows are numbered, as the first version did. Raises
    BadRequest for an index like 0.5 or 007, whose numbers would be taken for those of the rows.
    """
    if all(map(WHOLE.fullmatch, index)):
        return decode_ids([int(key) for key in index], len(index))
    odd = next((key for key in index if _reads_as_number(key)), None)
    if odd is None:
        return range(len(index))
    raise BadRequest(
        "the index of a bare DataFrame.to_json() is whole numbers, or names of which none is a"
        f" number like {odd[:40]!r}; send the frame as dataframe_split, which returns any index"
    )


def _reads_as_number(key: str) -> bool:
    try:
        float(key)
    except ValueError:
        return False
    return True


def _are_objects(document: dict[str, Any]) -> bool:
    return all(isinstance(column, dict) for column in document.values())


def _values(name: str, column: dict[str, Any], keys: list[str]) -> list[Any]:
    if list(column) == keys:
        return list(column.values())
    if len(column) != len(keys) or not column.keys() >= set(keys):
        raise InvalidPixels(f"column {name[:40]!r} has other rows than the first one")
    return [column[key] for key in keys]
