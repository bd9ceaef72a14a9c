"""The ways to write rows of pixels in JSON, by the key they stand under; dialects choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from scoring.protocol.errors import BadRequest
from scoring.protocol.frame_codec import decode_block, decode_ids, too_many_rows
from scoring.protocol.pixel_table import decode_table
from scoring.protocol.signature import Signature
from server.dialects.json_body import may_hold_booleans, parse_json
from server.prediction_request import PredictionRequest, RequestLimits

# What stands under a form's key; the model; the limits; whether there may be booleans in it.
Form = Callable[[Any, Signature, RequestLimits, bool], PredictionRequest]


def read_form(
    body: bytes, signature: Signature, limits: RequestLimits, forms: Mapping[str, Form]
) -> PredictionRequest:
    """Read a JSON object with exactly one of these forms.

    Raises BadRequest (400), TooLarge (413) or InvalidPixels (422).
    """
    document = parse_json(body, limits)
    if not isinstance(document, dict):
        _refuse(f"send a JSON object with one of: {', '.join(forms)}")
    present = [form for form in forms if form in document]
    if len(present) != 1:
        _refuse(f"send exactly one of: {', '.join(forms)}")
    read = forms[present[0]]
    return read(document[present[0]], signature, limits, may_hold_booleans(body))


def read_block(
    block: Any, signature: Signature, limits: RequestLimits, booleans: bool
) -> PredictionRequest:
    """Read ``dataframe_b64``: rows of uint8, one after the other, in one base64 string."""
    return PredictionRequest(*decode_block(block, signature.input.row_length, limits.rows))


def read_split(
    split: Any, signature: Signature, limits: RequestLimits, booleans: bool
) -> PredictionRequest:
    """Read ``dataframe_split``: what pandas writes with ``orient="split"``."""
    if not isinstance(split, dict) or not isinstance(split.get("data"), list):
        _refuse("dataframe_split is an object with columns, index and data")
    rows = split["data"]
    if len(rows) > limits.rows:
        raise too_many_rows(len(rows), limits.rows)
    ids = decode_ids(split.get("index"), len(rows))
    pixels = decode_table(rows, split.get("columns"), signature.input, booleans)
    return PredictionRequest(ids, pixels)


BLOCK: Mapping[str, Form] = {"dataframe_b64": read_block}
SPLIT: Mapping[str, Form] = {"dataframe_split": read_split}


def _refuse(message: str) -> NoReturn:
    raise BadRequest(message)
