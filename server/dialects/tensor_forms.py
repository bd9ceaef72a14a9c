"""Images as arrays of numbers, flat or nested: ``instances`` and ``inputs``.

As TensorFlow Serving, KServe's first protocol and MLflow name them.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

from scoring.protocol.errors import BadRequest, InvalidPixels
from scoring.protocol.pixel_table import decode_rows
from scoring.protocol.signature import InputSpec, Signature
from server.dialects.frame_forms import check_count, decode_columns
from server.dialects.pictures import read_base64
from server.prediction_request import PredictionRequest, RequestLimits

B64 = "b64"


def read_instances(
    instances: Any, signature: Signature, limits: RequestLimits, booleans: bool
) -> PredictionRequest:
    """Read ``instances``: one image a row.

    It is a list of H·W·C numbers, or nested as [H][W] or [H][W][C]; a picture as
    ``{"b64": "…"}``; or either of them under the one name of the model's input.
    """
    if not isinstance(instances, list):
        raise BadRequest("instances is a list with one image a row")
    rows = _without_name(instances)
    if _is_one_image(rows, signature.input):
        raise InvalidPixels("images come in a list; put one image alone in a list, too: [[…]]")
    check_count(instances, limits)
    if rows and isinstance(rows[0], dict) and B64 in rows[0]:
        return read_base64(rows, signature, limits)
    flat = [_flat(row, number, signature.input) for number, row in enumerate(rows)]
    return PredictionRequest(
        range(len(rows)), decode_rows(flat, signature.input.row_length, booleans)
    )


def read_inputs(
    inputs: Any, signature: Signature, limits: RequestLimits, booleans: bool
) -> PredictionRequest:
    """Read ``inputs``: the images as for ``instances``, under the one name of the model's input.

    Or without a name; or a list of N values for each column.
    """
    if isinstance(inputs, list):
        return read_instances(inputs, signature, limits, booleans)
    if (
        not isinstance(inputs, dict)
        or not inputs
        or not all(isinstance(values, list) for values in inputs.values())
    ):
        raise BadRequest("inputs is a list of images, or an object with one under any name")
    if len(inputs) == 1:
        (images,) = inputs.values()
        return read_instances(images, signature, limits, booleans)
    pixels = decode_columns(inputs, signature, limits, booleans)
    return PredictionRequest(range(len(pixels)), pixels)


def _without_name(instances: list[Any]) -> list[Any]:
    """Return the rows without the name of the input, where each has it: any, but the same."""
    first = instances[0] if instances else None
    if not isinstance(first, dict) or len(first) != 1 or B64 in first:
        return instances
    (name,) = first
    if not all(isinstance(one, dict) and one.keys() == {name} for one in instances):
        raise BadRequest(f"each instance is the image, or has it under {name[:40]!r} and no more")
    return [one[name] for one in instances]


def _is_one_image(rows: list[Any], spec: InputSpec) -> bool:
    """Tell whether there is one image where a list is wanted: flat, [H][W] or [H][W][C]."""
    if rows and type(rows[0]) in (int, float):
        return True
    height, width, channels = spec.shape
    if len(rows) != height or width == spec.row_length or not _are_lists(rows, width):
        return False
    pixel = rows[0][0]
    return not isinstance(pixel, list) or (len(pixel) == channels != width)


def _flat(row: Any, number: int, spec: InputSpec) -> Any:
    """Return the numbers of a row that is nested as the model's input is, or as it is."""
    if not _holds_lists(row):
        return row
    height, width, channels = spec.shape
    if channels == 1 and len(row) == 1 < height:
        # The one channel may stand first, too.
        row = row[0]
    if len(row) != height or not _are_lists(row, width):
        plane = f"[{height}][{width}]" if channels == 1 else f"[{height}][{width}][{channels}]"
        raise InvalidPixels(f"row {number} is not nested as {plane} pixels")
    places = list(chain.from_iterable(row))
    if _are_lists(places, channels):
        return list(chain.from_iterable(places))
    if channels == 1 and list not in map(type, places):
        return places
    raise InvalidPixels(f"row {number} is not nested as [{height}][{width}][{channels}] pixels")


def _holds_lists(row: Any) -> bool:
    return type(row) is list and bool(row) and type(row[0]) is list


def _are_lists(values: list[Any], length: int) -> bool:
    return all(type(one) is list and len(one) == length for one in values)
