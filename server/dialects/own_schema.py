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
PREDICT = ("/predict", "/models/{name}/predict")
# Called so by the tutorials whose callers are served here, too.
PREDICT_BY_NAME = ("/predictint", "/models/{name}/predictint")
IMAGE_NAME = "imageName"


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
        PREDICT[0]: {"post": _predict("Score with the first model", ())},
        PREDICT[1]: {
            "parameters": [name],
            "post": _predict("Score with a named model", (NotFound,)),
        },
        PREDICT_BY_NAME[0]: {"get": _predict_by_name("Score a picture that lies on the server")},
        PREDICT_BY_NAME[1]: {
            "parameters": [name],
            "get": _predict_by_name("Score a picture that lies on the server with a named model"),
        },
    }


def _predict(summary: str, errors: Errors) -> dict[str, Any]:
    answer = reference("PredictionResponse")
    picture = {"schema": {"type": "string", "contentMediaType": "image/*"}}
    content = json_content(reference("PredictionRequest"))
    content |= {"multipart/form-data": {"schema": _form()}, "image/*": picture}
    body = {"required": True, "content": content}
    return {**operation(summary, answer, (*ALWAYS, *errors, *PREDICTING)), "requestBody": body}


def _form() -> dict[str, Any]:
    file = {"type": "string", "contentMediaType": "image/*"}
    form = object_of({"file": {"type": "array", "items": file, "minItems": 1}})
    form["description"] = "pictures as files, one or many; their names come back as ids"
    return form


def _predict_by_name(summary: str) -> dict[str, Any]:
    errors = (*ALWAYS, NotFound, *PREDICTING)
    name = {
        "name": IMAGE_NAME,
        "in": "query",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "description": "the name of a file in server.images, no path",
    }
    described = operation(summary, reference("PredictionResponse"), errors)
    return {**described, "parameters": [name]}


def _schemas(settings: ServerSettings, signature: Signature) -> dict[str, Any]:
    row_length, max_rows = signature.input.row_length, row_limit(settings, signature)
    text, flag = {"type": "string"}, {"type": "boolean"}
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
        "PredictionResponse": _response(signature.labels),
        "Readiness": object_of(
            {
                **{"live": flag, "ready": flag, "pid": {"type": "integer"}},
                "models": _models(),
            }
        ),
        "Liveness": object_of({"live": flag, "ready": flag}),
        "About": object_of({"service": text, "what": text, "models": _models("purpose")}),
        "Error": object_of({"error": object_of({"code": text, "message": text})}),
    }


def _models(*more: str) -> dict[str, Any]:
    """Return the list of what is served; ``more``: what is told of each but name and version."""
    text = {"type": "string"}
    return {"type": "array", "items": object_of(dict.fromkeys(("name", "version", *more), text))}


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


def _response(labels: tuple[str, ...]) -> dict[str, Any]:
    text = {"type": "string"}
    id_ = {"type": ["integer", "string"]}
    error = object_of({"code": text, "message": text})
    rows = {"anyOf": [_row(labels), object_of({"id": id_, "error": error})]}
    response = object_of(
        {
            "model_name": text,
            "model_version": text,
            "inference_seconds": {"type": "number", "minimum": 0},
            "predictions": {"type": "array", "items": rows},
        }
    )
    prediction = object_of({"label": text, "confidence": {"type": "number"}})
    prediction["description"] = "of one picture that was sent as a file; the same as in the list"
    response["properties"] |= {"prediction": prediction, "digit": {"type": "integer"}}
    return response


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
