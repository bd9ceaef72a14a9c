"""What /openapi.json says of the own dialect."""

from __future__ import annotations

import base64
from typing import Any

from scoring.protocol.errors import NotFound
from scoring.protocol.frame_codec import ID_CHARACTERS
from scoring.protocol.metadata import READY_PATH
from scoring.protocol.signature import Signature
from scoring.settings import ServerSettings
from server.dialects.dialect import Description
from server.dialects.openapi_parts import (
    ALWAYS,
    PREDICTING,
    Errors,
    error_responses,
    json_content,
    model_name,
    object_of,
    operation,
    reference,
)
from server.handler import row_limit

UINT8_MAX = 255


def describe(settings: ServerSettings, signature: Signature) -> Description:
    """Describe the routes below, with the limits of this server and its first model's input."""
    return Description(
        paths=_paths(signature),
        schemas=_schemas(settings, signature),
        responses=error_responses(reference("Error")),
    )


def _paths(signature: Signature) -> dict[str, Any]:
    name, ready = model_name(signature), reference("Readiness")
    ready_operation = operation("Models are loaded and work is taken", ready, (), open_=True)
    ready_operation["responses"]["503"] = {
        "description": "Stopping",
        "content": json_content(ready),
    }
    live = operation("The process answers", reference("Liveness"), (), open_=True)
    return {
        "/": {"get": operation("What is served here", reference("About"), ALWAYS)},
        "/health/live": {"get": live},
        READY_PATH: {"get": ready_operation},
        "/predict": {"post": _predict("Score with the first model", ())},
        "/models/{name}/predict": {
            "parameters": [name],
            "post": _predict("Score with a named model", (NotFound,)),
        },
    }


def _predict(summary: str, errors: Errors) -> dict[str, Any]:
    answer = reference("PredictionResponse")
    body = {"required": True, "content": json_content(reference("PredictionRequest"))}
    return {**operation(summary, answer, (*ALWAYS, *errors, *PREDICTING)), "requestBody": body}


def _schemas(settings: ServerSettings, signature: Signature) -> dict[str, Any]:
    row_length, max_rows = signature.input.row_length, row_limit(settings, signature)
    text, flag = {"type": "string"}, {"type": "boolean"}
    models = {"type": "array", "items": object_of({"name": text, "version": text})}
    return {
        "PredictionRequest": {
            "oneOf": [
                object_of({"dataframe_b64": reference("PixelBlock")}),
                object_of({"dataframe_split": reference("PixelTable")}),
            ],
            "example": {"dataframe_b64": _example(row_length)},
        },
        "PixelBlock": _pixel_block(max_rows, row_length),
        "PixelTable": _pixel_table(max_rows, row_length),
        "PredictionResponse": object_of(
            {
                "model_name": text,
                "model_version": text,
                "inference_seconds": {"type": "number", "minimum": 0},
                "predictions": {"type": "array", "items": _row(signature.labels)},
            }
        ),
        "Readiness": object_of(
            {
                **{"live": flag, "ready": flag, "pid": {"type": "integer"}},
                "models": models,
            }
        ),
        "Liveness": object_of({"live": flag, "ready": flag}),
        "About": object_of({"service": text, "models": models}),
        "Error": object_of({"error": object_of({"code": text, "message": text})}),
    }


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


def _ids(max_rows: int) -> list[dict[str, Any]]:
    id_ = {"type": ["integer", "string"], "maxLength": ID_CHARACTERS}
    return [{"type": "null"}, {"type": "array", "items": id_, "maxItems": max_rows}]


def _range() -> dict[str, Any]:
    whole = {"type": "integer"}
    return {**object_of({"start": whole, "stop": whole}), "additionalProperties": False}


def _row(labels: tuple[str, ...]) -> dict[str, Any]:
    """One row of the answer. The labels are the first model's; another model has its own."""
    label = {"type": "string", "examples": list(labels)}
    share = {"type": "number", "minimum": 0, "maximum": 1}
    return object_of(
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


def _example(row_length: int) -> dict[str, Any]:
    """One black image."""
    return {
        "index": {"start": 0, "stop": 1},
        "dtype": "uint8",
        "shape": [1, row_length],
        "compression": None,
        "data": base64.b64encode(bytes(row_length)).decode("ascii"),
    }
