"""What /openapi.json says of the own dialect."""

from __future__ import annotations

from typing import Any

from scoring.protocol.errors import NotFound
from scoring.protocol.metadata import READY_PATH
from scoring.protocol.signature import Signature
from scoring.settings import ServerSettings
from server.dialects.dialect import Description
from server.dialects.form_schemas import (
    CSV_CONTENT,
    FORMS,
    detail_parameters,
    example_block,
    form_schemas,
    one_of,
    rows_of_answer,
)
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
    answer = {"anyOf": [reference("PredictionResponse"), reference("Percentages")]}
    picture = {"schema": {"type": "string", "contentMediaType": "image/*"}}
    content = json_content(reference("PredictionRequest"))
    content |= {"multipart/form-data": {"schema": _form()}, "image/*": picture, **CSV_CONTENT}
    body = {"required": True, "content": content}
    described = operation(summary, answer, (*ALWAYS, *errors, *PREDICTING))
    return {**described, "parameters": detail_parameters(), "requestBody": body}


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
    return {**described, "parameters": [name, *detail_parameters()]}


def _schemas(settings: ServerSettings, signature: Signature) -> dict[str, Any]:
    text, flag = {"type": "string"}, {"type": "boolean"}
    return {
        "PredictionRequest": {
            "anyOf": [
                one_of(*FORMS),
                _frame(),
                {"type": "string", "contentMediaType": "application/json"},
            ],
            "example": {"dataframe_b64": example_block(signature.input.row_length)},
        },
        "PredictionResponse": _response(),
        "Percentages": _percentages(),
        **form_schemas(settings, signature),
        "Readiness": object_of(
            {
                **{"live": flag, "ready": flag, "pid": {"type": "integer"}},
                "models": _models(),
            }
        ),
        "Liveness": object_of({"live": flag, "ready": flag}),
        "About": object_of(
            {"service": text, "status": text, "what": text, "models": _models("purpose")}
        ),
        "Error": object_of({"error": object_of({"code": text, "message": text})}),
    }


def _models(*more: str) -> dict[str, Any]:
    """Return the list of what is served; ``more``: what is told of each but name and version."""
    text = {"type": "string"}
    return {"type": "array", "items": object_of(dict.fromkeys(("name", "version", *more), text))}


def _response() -> dict[str, Any]:
    text = {"type": "string"}
    response = object_of(
        {
            "model_name": text,
            "model_version": text,
            "inference_seconds": {"type": "number", "minimum": 0},
            "predictions": rows_of_answer(),
        }
    )
    prediction = object_of({"label": text, "confidence": {"type": "number"}})
    prediction["description"] = "of one picture that was sent as a file; the same as in the list"
    response["properties"] |= {"prediction": prediction, "digit": {"type": "integer"}}
    return response


def _frame() -> dict[str, Any]:
    """A bare ``DataFrame.to_json()``, as the first version's client sent it."""
    column = {"type": "object", "additionalProperties": {"type": "integer"}}
    return {
        "type": "object",
        "additionalProperties": column,
        "minProperties": 1,
        "description": "a bare DataFrame.to_json(): for each column a value for each row",
    }


def _percentages() -> dict[str, Any]:
    percent = {"type": "number", "minimum": 0, "maximum": 100}
    cells = [{"type": "integer"}, {"type": "string"}, percent]
    row = {"type": "array", "prefixItems": cells, "minItems": 3, "maxItems": 3}
    return {
        "type": "array",
        "items": row,
        "description": "for a bare DataFrame.to_json(): number, label, confidence in percent",
    }
