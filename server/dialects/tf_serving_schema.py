"""What /openapi.json says of TensorFlow Serving's API and of KServe's first protocol."""

from __future__ import annotations

from typing import Any

from scoring.protocol.errors import NotFound
from scoring.protocol.signature import Signature
from scoring.settings import ServerSettings
from server.dialects.dialect import Description
from server.dialects.examples import form_examples, refer_to
from server.dialects.form_schemas import detail_parameters, one_of
from server.dialects.openapi_parts import (
    ALWAYS,
    PREDICTING,
    Errors,
    error_responses,
    json_content,
    model_name,
    model_version,
    object_of,
    operation,
    reference,
)

MODELS = "/v1/models"
NAME = f"{MODELS}/{{name}}"
VERSIONED = f"{NAME}/versions/{{version}}"
PIXELS = "pixels"
# The entries of a row of the answer, as TensorFlow names their types.
OUTPUTS = {
    "label": "DT_STRING",
    "confidence": "DT_DOUBLE",
    "review": "DT_STRING",
    "outlier_score": "DT_DOUBLE",
    "second_label": "DT_STRING",
    "second_confidence": "DT_DOUBLE",
}
FORMS = ("instances", "inputs")
FAMILY = "Serving"
ERRORS = (*ALWAYS, NotFound)
TEXT, FLAG = {"type": "string"}, {"type": "boolean"}


def describe(settings: ServerSettings, signature: Signature) -> Description:
    """Describe the routes; the forms are described by the first dialect."""
    name, version = model_name(signature), model_version(signature)
    forms = form_examples(signature, FORMS)
    content = {
        "application/json": {"schema": reference("ServingRequest"), "examples": refer_to(forms)}
    }
    names = object_of({"models": {"type": "array", "items": TEXT}})
    return Description(
        title="TensorFlow Serving, KServe v1",
        paths={
            MODELS: {"get": _operation("The models' names", names, ALWAYS)},
            **_model_paths(NAME, [name], content),
            **_model_paths(VERSIONED, [name, version], content),
        },
        schemas=_schemas(),
        responses=error_responses(reference("ServingError"), FAMILY),
        examples=forms,
    )


def _model_paths(
    path: str, parameters: list[dict[str, Any]], content: dict[str, Any]
) -> dict[str, Any]:
    status = _operation("A model's state", reference("ServingStatus"), ERRORS)
    status["responses"]["503"] = {
        "description": "Stopping",
        "content": json_content(reference("ServingStatus")),
    }
    answer = reference("ServingAnswer")
    predict = {
        **_operation("Score", answer, (*ERRORS, *PREDICTING)),
        "parameters": detail_parameters(),
        "requestBody": {"required": True, "content": content},
    }
    metadata = _operation("A model's tensors", reference("ServingMetadata"), ERRORS)
    return {
        path: {"parameters": parameters, "get": status},
        f"{path}/metadata": {"parameters": parameters, "get": metadata},
        f"{path}:predict": {"parameters": parameters, "post": predict},
    }


def _operation(summary: str, answer: dict[str, Any], errors: Errors) -> dict[str, Any]:
    return operation(summary, answer, errors, family=FAMILY)


def _schemas() -> dict[str, Any]:
    signature_name = {"enum": [None, "", "serving_default"]}
    anything = {"type": "object"}
    version = object_of({"version": TEXT, "state": TEXT, "status": anything})
    rows = {"type": "array", "items": reference("ServingRow")}
    return {
        "ServingRequest": {
            **one_of(*FORMS),
            "type": "object",
            "properties": {"signature_name": signature_name},
        },
        "ServingRow": {"type": "object", "description": "as Prediction, without its id"},
        "ServingPredictions": object_of({"predictions": rows}),
        "ServingColumns": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {}},
        },
        "ServingOutputs": object_of({"outputs": reference("ServingColumns")}),
        "ServingAnswer": {
            "oneOf": [reference("ServingPredictions"), reference("ServingOutputs")],
            "description": "predictions for instances, outputs for inputs",
        },
        "ServingStatus": object_of(
            {
                "model_version_status": {"type": "array", "items": version},
                **{"name": TEXT, "ready": FLAG, "version": TEXT},
            }
        ),
        "ServingMetadata": object_of({"model_spec": anything, "metadata": anything}),
        "ServingError": object_of({"error": TEXT}),
    }
