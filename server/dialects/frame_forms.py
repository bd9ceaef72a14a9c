"""Data frames in JSON: pandas' ``split``, ``records`` and columns by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.protocol.errors import BadRequest, InvalidPixels
from scoring.protocol.frame_codec import decode_ids, too_many_rows
from scoring.protocol.pixel_table import decode_table, wrong_columns
from scoring.protocol.signature import Signature
from server.prediction_request import PredictionRequest, RequestLimits


def read_split(
    split: Any, signature: Signature, limits: RequestLimits, booleans: bool
) -> PredictionRequest:
    """Read ``dataframe_split``: what pandas writes with ``orient="split"``."""
    if not isinstance(split, dict) or not isinstance(split.get("data"), list):
        raise BadRequest("dataframe_split is an object with columns, index and data")
    rows = split["data"]
    check_count(rows, limits)
    ids = decode_ids(split.get("index"), len(rows))
    pixels = decode_table(rows, split.get("columns"), signature.input, booleans)
    return PredictionRequest(ids, pixels)


def read_records(
    records: Any, signature: Signature, limits: RequestLimits, booleans: bool
) -> PredictionRequest:
    """Read ``dataframe_records``: what pandas writes with ``orient="records"``."""
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise BadRequest("dataframe_records is a list of objects, each with a value a column")
    check_count(records, limits)
    columns = list(records[0]) if records else None
    if columns is not None:
        check_columns(columns, signature)
    rows = [_in_order(record, columns, number) for number, record in enumerate(records)]
    pixels = decode_table(rows, columns, signature.input, booleans)
    return PredictionRequest(range(len(rows)), pixels)


def decode_columns(
    columns: Mapping[str, list[Any]], signature: Signature, limits: RequestLimits, booleans: bool
) -> NDArray[np.uint8]:
    """Return uint8 [N, H·W·C] of one list of N values for each of the model's columns."""
    check_columns(columns, signature)
    first, *_ = columns.values()
    check_count(first, limits)
    for name, column in columns.items():
        if len(column) != len(first):
            raise InvalidPixels(f"column {name[:40]!r} has {len(column)} values, not {len(first)}")
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return decode_table(rows, list(columns), signature.input, booleans)


def check_count(rows: Collection[Any], limits: RequestLimits) -> None:
    """Raise TooLarge for more rows than a request may hold."""
    if len(rows) > limits.rows:
        raise too_many_rows(len(rows), limits.rows)


def check_columns(columns: Collection[str], signature: Signature) -> None:
    """Raise InvalidPixels for more or fewer columns than the model has, before they are read."""
    if len(columns) != signature.input.row_length:
        raise wrong_columns(list(columns), signature.input)


def _in_order(record: dict[str, Any], columns: list[str] | None, number: int) -> list[Any]:
    """Return a record's values in the order of the first one's columns."""
    assert columns is not None
    if list(record) == columns:
        return list(record.values())
    if len(record) != len(columns) or not record.keys() >= set(columns):
        raise InvalidPixels(f"record {number} has other columns than the first one")
    return [record[column] for column in columns]
