"""What /openapi.json says of the own dialect."""

from __future__ import annotations

from typing import Any

from scoring.protocol.errors import NotFound
from scoring.protocol.metadata import READY_PATH, REFERENCE_PATH
from scoring.protocol.signature import Signature
from scoring.settings import ServerSettings
from server.dialects.dialect import Description
from server.dialects.examples import (
    csv_examples,
    form_examples,
    frame_examples,
    refer_to,
)
from server.dialects.form_schemas import (
    FORMS,
    detail_parameters,
    detail_properties,
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
# The format is of OpenAPI 3.0; programs that make clients still look for it.
PICTURE = {"type": "string", "format": "binary", "contentMediaType": "image/*"}
IMAGE_NAME, IMAGE_EXAMPLE = "imageName", "numba6.jpg"


def describe(settings: ServerSettings, signature: Signature) -> Description:
    """Describe the routes below, with the limits of this server and its first model's input."""
    forms = form_examples(signature, FORMS) | frame_examples(signature)
    tables = csv_examples(signature)
    return Description(
        title="Image scorer",
        paths=_paths(settings, signature, _content(refer_to(forms), refer_to(tables))),
        schemas=_schemas(settings, signature),
        responses=error_responses(reference("Error")),
        examples={**forms, **tables},
    )


def _paths(
    settings: ServerSettings, signature: Signature, content: dict[str, Any]
) -> dict[str, Any]:
    name, ready = model_name(signature), reference("Readiness")
    ready_operation = operation("Models are loaded and work is taken", ready, (), open_=True)
    ready_operation["responses"]["503"] = {
        "description": "Stopping",
        "content": json_content(ready),
    }
    live = operation("The process answers", reference("Liveness"), (), open_=True)
    return {
        "/health/live": {"get": live},
        READY_PATH: {"get": ready_operation},
        REFERENCE_PATH: {"parameters": [name], "get": _tell_reference()},
        PREDICT[0]: {"post": _predict("Score with the first model", content, ())},
        PREDICT[1]: {
            "parameters": [name],
            "post": _predict("Score with a named model", content, (NotFound,)),
        },
        PREDICT_BY_NAME[0]: {
            "get": _predict_by_name("Score a picture that lies on the server", settings),
        },
        PREDICT_BY_NAME[1]: {
            "parameters": [name],
            "get": _predict_by_name(
                "Score a picture that lies on the server with a named model", settings
            ),
        },
    }


def _tell_reference() -> dict[str, Any]:
    described = operation("What a model said of held-out images", {}, (*ALWAYS, NotFound))
    described["description"] = (
        "An npz file of arrays, an entry an image: truth, predicted and second (places among the"
        " model's labels), confidence, second_confidence, outlier_score, brightness, contrast,"
        " foreground, group (whose image), flagged. 404 for a model that brings none."
    )
    content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    described["responses"]["200"]["content"] = content
    return described


def _content(forms: dict[str, Any], tables: dict[str, Any]) -> dict[str, Any]:
    """Describe the ways to send images, with references to examples of each."""
    return {
        "multipart/form-data": {"schema": _form()},
        "image/*": {"schema": PICTURE},
        "application/json": {"schema": reference("PredictionRequest"), "examples": forms},
        "text/csv": {"schema": {"type": "string"}, "examples": tables},
    }


def _predict(summary: str, content: dict[str, Any], errors: Errors) -> dict[str, Any]:
    answer = {"anyOf": [reference("PredictionResponse"), reference("Percentages")]}
    body = {"required": True, "content": content}
    described = operation(summary, answer, (*ALWAYS, *errors, *PREDICTING))
    return {**described, "parameters": detail_parameters(), "requestBody": body}


def _form() -> dict[str, Any]:
    form = object_of({"file": {"type": "array", "items": PICTURE, "minItems": 1}})
    form["description"] = (
        "pictures as files, one or many; their names come back as ids. Fields top and probabilities"
        " ask as the parameters do"
    )
    return form


def _predict_by_name(summary: str, settings: ServerSettings) -> dict[str, Any]:
    errors = (*ALWAYS, NotFound, *PREDICTING)
    name = {
        "name": IMAGE_NAME,
        "in": "query",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "description": "the name of a file in server.images, no path",
        "example": IMAGE_EXAMPLE,
    }
    described = operation(summary, reference("PredictionResponse"), errors)
    if not settings.images:
        described["description"] = "Off on this server: server.images names no folder."
    return {**described, "parameters": [name, *detail_parameters()]}


def _schemas(settings: ServerSettings, signature: Signature) -> dict[str, Any]:
    flag = {"type": "boolean"}
    return {
        "PredictionRequest": {
            # Python's generated clients cannot tell a bare list from the bodies of other types.
            "anyOf": [
                {**one_of(*FORMS), "type": "object", "properties": detail_properties()},
                reference("PixelTable"),
                reference("PixelFrame"),
                {"type": "string", "contentMediaType": "application/json"},
            ],
            "description": "what stands under dataframe_records or instances may come bare, too",
        },
        "PixelFrame": _frame(),
        "PixelColumn": {"type": "object", "additionalProperties": {"type": "integer"}},
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
        "Error": object_of({"error": _refusal()}),
    }


def _refusal() -> dict[str, Any]:
    text = {"type": "string"}
    refusal = object_of({"code": text, "message": text})
    refusal["properties"]["limit"] = {"type": "integer", "description": "what was gone past"}
    return refusal


def _models() -> dict[str, Any]:
    text = {"type": "string"}
    return {"type": "array", "items": object_of({"name": text, "version": text})}


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
    return {
        "type": "object",
        "additionalProperties": reference("PixelColumn"),
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
