"""The ways to write rows of pixels in JSON, by the key they stand under; dialects choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scoring.protocol.errors import BadRequest
from scoring.protocol.frame_codec import decode_block
from scoring.protocol.signature import Signature
from server.dialects.frame_forms import read_records, read_split
from server.dialects.tensor_forms import read_inputs, read_instances
from server.prediction_request import PredictionRequest, RequestLimits

# What stands under a form's key; the model; the limits; whether there may be booleans in it.
# What pandas writes with orient="split" or "tight".
SPLIT_KEYS = frozenset({"columns", "index", "data", "index_names", "column_names"})
Form = Callable[[Any, Signature, RequestLimits, bool], PredictionRequest]


def read_document(
    document: Any,
    signature: Signature,
    limits: RequestLimits,
    forms: Mapping[str, Form],
    booleans: bool,
) -> PredictionRequest:
    """Read a parsed JSON object with exactly one of these forms.

    What pandas writes is read without the name of its form, too, where frames are taken. Raises
    BadRequest (400), TooLarge (413) or InvalidPixels (422).
    """
    name = _bare_form(document)
    if name in forms and FRAMES.keys() <= forms.keys():
        document = {name: document}
    if not isinstance(document, dict):
        raise BadRequest(f"send a JSON object with one of: {', '.join(forms)}")
    present = [form for form in forms if form in document]
    if len(present) != 1:
        raise BadRequest(f"send exactly one of: {', '.join(forms)}")
    return forms[present[0]](document[present[0]], signature, limits, booleans)


def _bare_form(document: Any) -> str:
    """Return the name of the one form that a document can be by itself, "" where there is none.

    Of lists in a list only their number of values is known, so that it is images; an object with
    one entry in a list is an image under its name, as among instances.
    """
    if isinstance(document, dict):
        is_split = isinstance(document.get("data"), list) and document.keys() <= SPLIT_KEYS
        return "dataframe_split" if is_split else ""
    if document == []:
        # Of a frame without rows, by rows or by values.
        return "dataframe_records"
    first = document[0] if isinstance(document, list) else None
    if isinstance(first, dict):
        return "instances" if len(first) == 1 else "dataframe_records"
    return "instances" if isinstance(first, list) else ""


def read_block(
    block: Any, signature: Signature, limits: RequestLimits, booleans: bool
) -> PredictionRequest:
    """Read ``dataframe_b64``: rows of uint8, one after the other, in one base64 string."""
    return PredictionRequest(*decode_block(block, signature.input.row_length, limits.rows))


BLOCK: Mapping[str, Form] = {"dataframe_b64": read_block}
FRAMES: Mapping[str, Form] = {"dataframe_split": read_split, "dataframe_records": read_records}
TENSORS: Mapping[str, Form] = {"instances": read_instances, "inputs": read_inputs}
