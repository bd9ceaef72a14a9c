"""The API's own description (OpenAPI 3.1), written by hand and held to the routes by tests."""

from __future__ import annotations

import base64
from typing import Any

from scoring.protocol.errors import (
    ApiError,
    BadRequest,
    InvalidPixels,
    NotFound,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedMedia,
)
from scoring.protocol.signature import Signature
from scoring.settings import ServerSettings

OPENAPI = "3.1.0"
# Of the API as it is described here, not of the software.
API_VERSION = "1"
UINT8_MAX = 255

MEANINGS: dict[type[ApiError], str] = {
    BadRequest: "The request is not what is described here, or nested deeper than `limit` levels.",
    Unauthorized: "The server wants its key: Authorization: Bearer …",
    NotFound: "No model of that name; the message names those there are.",
    TooLarge: "More bytes or rows than the server takes; `limit` says how many.",
    UnsupportedMedia: "A content type or encoding that the server does not read.",
    InvalidPixels: "The pixels do not fit the model, or are no whole numbers from 0 to 255.",
    Unavailable: "The server is stopping; try again after Retry-After seconds.",
}
ALWAYS = (BadRequest, Unauthorized)
PREDICTING = (TooLarge, UnsupportedMedia, InvalidPixels, Unavailable)


def openapi_document(settings: ServerSettings, signature: Signature) -> dict[str, Any]:
    """Return the description with the limits of this server; the signature is its first model's."""
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Garment scorer",
            "version": API_VERSION,
            "description": "Names the garment in small grey images and says how sure it is.",
        },
        "security": [{"key": []}, {}],
        "paths": _paths(signature),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(settings, signature),
            "responses": {error.__name__: _error(error) for error in MEANINGS},
        },
    }


def _paths(signature: Signature) -> dict[str, Any]:
    about, health = _reference("About"), _reference("Readiness")
    name = {
        "name": "name",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "example": signature.name,
    }
    return {
        "/": {"get": _operation("What is served here", about, ALWAYS)},
        "/openapi.json": {
            "get": _operation("This description", {"type": "object"}, ALWAYS),
        },
        "/health/live": {
            "get": _operation("The process answers", _reference("Liveness"), (), open_=True)
        },
        "/health/ready": {"get": _ready(health)},
        "/v2/models/{name}": {
            "parameters": [name],
            "get": _operation("A model", _reference("Model"), (*ALWAYS, NotFound)),
        },
        "/predict": {"post": _predict("Score with the first model", ())},
        "/models/{name}/predict": {
            "parameters": [name],
            "post": _predict("Score with a named model", (NotFound,)),
        },
    }


def _operation(
    summary: str,
    answer: dict[str, Any],
    errors: tuple[type[ApiError], ...],
    *,
    open_: bool = False,
) -> dict[str, Any]:
    """Describe one operation; an ``open_`` one wants no key."""
    responses: dict[str, Any] = {"200": {"description": "OK", "content": _json(answer)}}
    for error in errors:
        responses[str(error.status)] = {"$ref": f"#/components/responses/{error.__name__}"}
    operation = {"summary": summary, "responses": responses}
    return {**operation, "security": []} if open_ else operation


def _ready(schema: dict[str, Any]) -> dict[str, Any]:
    operation = _operation("Models are loaded and work is taken", schema, (), open_=True)
    operation["responses"]["503"] = {"description": "Stopping", "content": _json(schema)}
    return operation


def _predict(summary: str, errors: tuple[type[ApiError], ...]) -> dict[str, Any]:
    answer = _reference("PredictionResponse")
    operation = _operation(summary, answer, (*ALWAYS, *errors, *PREDICTING))
    body = {"required": True, "content": _json(_reference("PredictionRequest"))}
    return {**operation, "requestBody": body}


def _schemas(settings: ServerSettings, signature: Signature) -> dict[str, Any]:
    row_length = signature.input.row_length
    text, flag = {"type": "string"}, {"type": "boolean"}
    short = _object({"name": text, "version": text})
    return {
        "PredictionRequest": {
            "oneOf": [
                _object({"dataframe_b64": _reference("PixelBlock")}),
                _object({"dataframe_split": _reference("PixelTable")}),
            ],
            "example": {"dataframe_b64": _example(row_length)},
        },
        "PixelBlock": _pixel_block(settings.max_rows, row_length),
        "PixelTable": _pixel_table(settings.max_rows, row_length),
        "PredictionResponse": _object(
            {
                "model_name": text,
                "model_version": text,
                "inference_seconds": {"type": "number", "minimum": 0},
                "predictions": {"type": "array", "items": _row(signature.labels)},
            }
        ),
        "Readiness": _object(
            {
                **{"live": flag, "ready": flag, "nonce": {"type": ["string", "null"]}},
                **{"pid": {"type": "integer"}, "models": {"type": "array", "items": short}},
            }
        ),
        "Liveness": _object({"live": flag, "ready": flag}),
        "About": _object({"service": text, "models": {"type": "array", "items": short}}),
        "Model": _object({"name": text, "versions": {"type": "array", "items": text}}),
        "Error": _object({"error": _object({"code": text, "message": text})}),
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
    block = _object(
        {
            "dtype": {"const": "uint8"},
            "shape": shape,
            "data": {"type": "string", "contentEncoding": "base64"},
        }
    )
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
    table = _object({"data": {"type": "array", "items": row, "maxItems": max_rows}})
    table["properties"]["columns"] = {"type": ["array", "null"]}
    table["properties"]["index"] = {"anyOf": [*_ids(max_rows), _range()]}
    return table


def _ids(max_rows: int) -> list[dict[str, Any]]:
    id_ = {"type": ["integer", "string"]}
    return [{"type": "null"}, {"type": "array", "items": id_, "maxItems": max_rows}]


def _range() -> dict[str, Any]:
    whole = {"type": "integer"}
    return {**_object({"start": whole, "stop": whole}), "additionalProperties": False}


def _row(labels: tuple[str, ...]) -> dict[str, Any]:
    """One row of the answer. The labels are the first model's; another model has its own."""
    return _object(
        {
            "id": {"type": ["integer", "string"]},
            "label": {"type": "string", "examples": list(labels)},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "review": {"type": ["string", "null"]},
            "outlier_score": {"type": "number", "minimum": 0},
            "second_label": {"type": "string", "examples": list(labels)},
            "second_confidence": {"type": "number", "minimum": 0, "maximum": 1},
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


def _error(error: type[ApiError]) -> dict[str, Any]:
    return {"description": MEANINGS[error], "content": _json(_reference("Error"))}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
