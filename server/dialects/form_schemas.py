"""What /openapi.json says of the ways to write pixels, and of a row of the answer.

Several dialects take and give them, so they are described once.
"""

from __future__ import annotations

from typing import Any

from scoring.protocol.frame_codec import ID_CHARACTERS, LARGEST_ID, SMALLEST_ID
from scoring.protocol.signature import Signature
from scoring.settings import ServerSettings
from server.dialects.openapi_parts import object_of, reference
from server.dialects.rows import FLAGS, PROBABILITIES, TOP, TOP_DIGITS
from server.handler import row_limit

UINT8_MAX = 255
MOST_TOLD = {"type": "integer", "minimum": 1, "maximum": 10**TOP_DIGITS - 1}
WHOLE = {"type": "integer", "minimum": SMALLEST_ID, "maximum": LARGEST_ID}
# The entries of a request, and what stands under each.
FORMS = {
    "dataframe_b64": "PixelBlock",
    "dataframe_split": "PixelTable",
    "dataframe_records": "PixelRecords",
    "instances": "Instances",
    "inputs": "Inputs",
}


def one_of(*forms: str) -> dict[str, Any]:
    """Describe a request with exactly one of these forms."""
    return {"oneOf": [object_of({form: reference(FORMS[form])}) for form in forms]}


def bare_forms() -> list[dict[str, Any]]:
    """Describe what may come without the name of its form."""
    return [reference("PixelTable"), reference("PixelRecords"), reference("Instances")]


def form_schemas(settings: ServerSettings, signature: Signature) -> dict[str, Any]:
    """Describe what stands under the name of each form, and a row of the answer."""
    row_length, max_rows = signature.input.row_length, row_limit(settings, signature)
    images = {"type": "array", "items": _image(row_length), "maxItems": max_rows}
    pictures: dict[str, Any] = {"type": "array", "items": object_of({"b64": {"type": "string"}})}
    pictures |= {"maxItems": max_rows, "description": "a file, or H·W·C bytes, in base64"}
    named: dict[str, Any] = {"type": "object", "minProperties": 1, "maxProperties": 1}
    return {
        "PixelBlock": _pixel_block(max_rows, row_length),
        "PixelTable": _pixel_table(max_rows, row_length),
        "PixelRecords": _pixel_records(max_rows, row_length),
        "Instances": {"anyOf": [images, pictures]},
        "Inputs": {"anyOf": [images, {**named, "additionalProperties": images}]},
        "Prediction": _row(signature.labels),
        "PredictionError": _error(),
    }


def rows_of_answer() -> dict[str, Any]:
    """Describe the rows: what was seen, or the error of one picture."""
    rows = [reference("Prediction"), reference("PredictionError")]
    return {"type": "array", "items": {"anyOf": rows}}


def detail_parameters() -> list[dict[str, Any]]:
    """Describe the parameters that ask for more in each row."""
    return [
        {
            "name": PROBABILITIES,
            "in": "query",
            "schema": {"enum": list(FLAGS)},
            "description": "whether each row says how likely each class is",
            "example": "1",
        },
        {
            "name": TOP,
            "in": "query",
            "schema": MOST_TOLD,
            "description": "how many of the likeliest classes each row lists",
            "example": 3,
        },
    ]


def detail_properties() -> dict[str, Any]:
    """Describe them where they stand in a body of JSON, beside the images."""
    return {PROBABILITIES: {"type": "boolean"}, TOP: MOST_TOLD}


def _pixel_block(max_rows: int, row_length: int) -> dict[str, Any]:
    """``dataframe_b64``: rows of uint8, one after the other, in one base64 string."""
    count = {"type": "integer", "minimum": 0, "maximum": max_rows}
    shape = {
        "type": "array",
        "prefixItems": [count, {"const": row_length}],
        "minItems": 2,
        "maxItems": 2,
    }
    data = {"type": "string", "contentEncoding": "base64"}
    block = object_of({"dtype": {"const": "uint8"}, "shape": shape, "data": data})
    block["properties"]["compression"] = {"enum": [None, "zlib"]}
    block["properties"]["index"] = {"anyOf": [*_ids(max_rows), _range()]}
    return block


def _pixel_table(max_rows: int, row_length: int) -> dict[str, Any]:
    """``dataframe_split``: what pandas writes with ``orient="split"``."""
    pixel = {"type": "integer", "minimum": 0, "maximum": UINT8_MAX}
    row = {
        "type": "array",
        "items": pixel,
        "description": f"the {row_length} pixels of one image, row by row",
    }
    table = object_of({"data": {"type": "array", "items": row, "maxItems": max_rows}})
    name = {"type": ["integer", "string"]}
    table["properties"]["columns"] = {
        "type": ["array", "null"],
        "items": name,
        "minItems": row_length,
        "maxItems": row_length,
        "description": "names of the pixels in any order: those of the model's signature, pixel1"
        " or pixel0 onwards, or numbers from 0 or from 1; left out, they are in the model's order",
    }
    table["properties"]["index"] = {"anyOf": [*_ids(max_rows), _range()]}
    return table


def _pixel_records(max_rows: int, row_length: int) -> dict[str, Any]:
    """``dataframe_records``: what pandas writes with ``orient="records"``."""
    pixel = {"type": "integer", "minimum": 0, "maximum": UINT8_MAX}
    record = {
        "type": "object",
        "additionalProperties": pixel,
        "description": f"{row_length} columns, named as in PixelTable; each row has the same ones",
    }
    return {"type": "array", "items": record, "maxItems": max_rows}


def _image(row_length: int) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {"type": "integer", "minimum": 0, "maximum": UINT8_MAX},
        "description": f"the {row_length} pixels of one image, row by row; or nested as [H][W][C]",
    }


def _ids(max_rows: int) -> list[dict[str, Any]]:
    id_ = {**WHOLE, "type": ["integer", "string"], "maxLength": ID_CHARACTERS}
    return [{"type": "null"}, {"type": "array", "items": id_, "maxItems": max_rows}]


def _range() -> dict[str, Any]:
    return {**object_of({"start": WHOLE, "stop": WHOLE}), "additionalProperties": False}


def _row(labels: tuple[str, ...]) -> dict[str, Any]:
    """One row of the answer. The labels are the first model's; another model has its own."""
    label = {"type": "string", "examples": list(labels)}
    share = {"type": "number", "minimum": 0, "maximum": 1}
    row = object_of(
        {
            "id": {"type": ["integer", "string"]},
            "label": label,
            "confidence": share,
            "review": {"type": ["string", "null"]},
            "outlier_score": {"type": "number"},
            "second_label": label,
            "second_confidence": share,
        }
    )
    likeliest = object_of({"label": label, "confidence": share})
    row["properties"][PROBABILITIES] = {"type": "object", "additionalProperties": share}
    row["properties"][TOP] = {"type": "array", "items": likeliest}
    return row


def _error() -> dict[str, Any]:
    text = {"type": "string"}
    error = object_of({"code": text, "message": text})
    return object_of({"id": {"type": ["integer", "string"]}, "error": error})
