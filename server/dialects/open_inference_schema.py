"""What /openapi.json says of the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from scoring.protocol.errors import NotFound
from scoring.protocol.metadata import OUTPUTS, model_path
from scoring.protocol.signature import Signature
from scoring.settings import ServerSettings
from server.dialects.dialect import Description
from server.dialects.examples import infer_examples, refer_to
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
from server.dialects.tensors import MAX_DIMENSIONS, NUMBERS
from server.handler import row_limit

NAME = model_path("{name}")
VERSIONED = f"{NAME}/versions/{{version}}"
# Triton's extensions that its clients know how to ask for, and this server does not have.
NOT_HERE = ("/v2/models/stats", *(f"{NAME}/{one}" for one in ("stats", "config")))
JSON_LENGTH = "Inference-Header-Content-Length"
JSON_TYPE = "application/json"
BINARY_TYPE = "application/octet-stream"
TEXT, FLAG = {"type": "string"}, {"type": "boolean"}
FAMILY = "Inference"
ERRORS = (*ALWAYS, NotFound)


def describe(settings: ServerSettings, signature: Signature) -> Description:
    """Describe the routes, with the limits of this server and its first model's input."""
    max_rows = row_limit(settings, signature)
    named, examples = [model_name(signature)], infer_examples(signature)
    return Description(
        title="Open Inference Protocol v2",
        paths={**_server_paths(), **_model_paths(NAME, named, examples)}
        | _model_paths(VERSIONED, [*named, model_version(signature)], examples)
        | {path: _not_here(path, signature) for path in NOT_HERE},
        schemas=_schemas(signature, max_rows),
        responses=error_responses(reference("InferenceError"), FAMILY),
        examples=examples,
    )


def _server_paths() -> dict[str, Any]:
    ready = operation("Work is taken", reference("InferenceHealth"), (), open_=True)
    ready["responses"]["503"] = {
        "description": "Stopping",
        "content": json_content(reference("InferenceHealth")),
    }
    live = operation("The process answers", reference("InferenceHealth"), (), open_=True)
    names = object_of({"models": {"type": "array", "items": TEXT}})
    return {
        "/v2": {"get": _operation("This server", reference("InferenceServer"), ALWAYS)},
        "/v2/health/live": {"get": live},
        "/v2/health/ready": {"get": ready},
        "/v2/models": {"get": _operation("The models' names", names, ALWAYS)},
    }


def _model_paths(
    path: str, parameters: list[dict[str, Any]], examples: Collection[str]
) -> dict[str, Any]:
    metadata = _operation("A model", reference("InferenceModel"), ERRORS)
    ready = _operation("Work is taken", reference("InferenceModelReadiness"), ERRORS)
    ready["responses"]["503"] = {
        "description": "Stopping",
        "content": json_content(reference("InferenceModelReadiness")),
    }
    infer = _operation("Score", reference("InferResponse"), (*ERRORS, *PREDICTING))
    infer["requestBody"] = _with_binary(reference("InferRequest"))
    infer["requestBody"]["content"][JSON_TYPE]["examples"] = refer_to(examples)
    infer["responses"]["200"] |= {"content": _with_binary(reference("InferResponse"))["content"]}
    return {
        path: {"parameters": parameters, "get": metadata},
        f"{path}/ready": {"parameters": parameters, "get": ready},
        f"{path}/infer": {"parameters": [*parameters, _json_length()], "post": infer},
    }


def _not_here(path: str, signature: Signature) -> dict[str, Any]:
    """Describe a route that says only that there is nothing."""
    refused = _operation("Not offered: always 404", {}, ERRORS)
    del refused["responses"]["200"]
    parameters = [model_name(signature)] if "{name}" in path else []
    return {"parameters": parameters, "get": refused}


def _json_length() -> dict[str, Any]:
    return {
        "name": JSON_LENGTH,
        "in": "header",
        "required": False,
        "schema": {"type": "integer", "minimum": 1},
        "description": "how many bytes of the body are JSON, where tensors follow it in binary",
    }


def _operation(summary: str, answer: dict[str, Any], errors: Errors) -> dict[str, Any]:
    return operation(summary, answer, errors, family=FAMILY)


def _with_binary(schema: dict[str, Any]) -> dict[str, Any]:
    content = json_content(schema) | {
        BINARY_TYPE: {"schema": {"type": "string", "format": "binary"}}
    }
    return {"required": True, "content": content}


def _schemas(signature: Signature, max_rows: int) -> dict[str, Any]:
    names = {"type": "string", "enum": [output.name for output in OUTPUTS]}
    side = {"type": "integer"}
    shape = {"type": "array", "items": side}
    described = object_of({"name": TEXT, "datatype": TEXT, "shape": shape})
    wanted = object_of({"name": names})
    text_or_none = {"type": ["string", "null"]}
    more = {"type": "object", "description": "of the extensions: binary tensors, classification"}
    wanted["properties"]["parameters"] = more
    answered = object_of(described["properties"])
    values = {"type": "array", "items": {"type": ["string", "number"]}}
    answered["properties"] |= {"data": values, "parameters": more}
    request = object_of({"inputs": {"type": "array", "items": _input(signature, max_rows)}})
    request["properties"]["inputs"] |= {"minItems": 1, "maxItems": 1}
    request["properties"] |= {"id": text_or_none, "parameters": more}
    request["properties"]["outputs"] = {
        "type": "array",
        "items": wanted,
        "maxItems": len(OUTPUTS),
        "description": "by default all; each is asked for once",
    }
    response = object_of(
        {
            **{"model_name": TEXT, "model_version": TEXT},
            "outputs": {"type": "array", "items": answered},
        }
    )
    response["properties"]["id"] = text_or_none
    return {
        "InferRequest": request,
        "InferResponse": response,
        "InferenceServer": object_of(
            {"name": TEXT, "version": TEXT, "extensions": {"type": "array", "items": TEXT}}
        ),
        "InferenceHealth": object_of({"live": FLAG, "ready": FLAG}),
        "InferenceModel": object_of(
            {
                **{"name": TEXT, "versions": {"type": "array", "items": TEXT}, "platform": TEXT},
                "inputs": {"type": "array", "items": described},
                "outputs": {"type": "array", "items": described},
                "parameters": {"type": "object", "description": "the model's signature"},
            }
        ),
        "InferenceModelReadiness": object_of({"name": TEXT, "ready": FLAG}),
        "InferenceError": object_of({"error": TEXT}),
    }


def _input(signature: Signature, max_rows: int) -> dict[str, Any]:
    """The pixels, flat, as bytes are; other shapes and number types are taken, too."""
    tensor = object_of(
        {
            "name": TEXT,
            "datatype": {"enum": list(NUMBERS)},
            "shape": {
                "type": "array",
                "items": {"type": "integer", "minimum": 0},
                "minItems": 2,
                "maxItems": MAX_DIMENSIONS,
            },
        }
    )
    # Not required: a tensor in binary has none.
    tensor["properties"]["data"] = {
        "type": "array",
        "items": {"type": "integer", "minimum": 0, "maximum": 255},
    }
    tensor["properties"]["parameters"] = {"type": "object"}
    height, width, channels = signature.input.shape
    tensor["description"] = (
        f"shape [N, {signature.input.row_length}] or [N, {height}, {width}, {channels}] with N up"
        f" to {max_rows}; data flat or nested, or instead of it"
        " parameters.binary_data_size and the tensor behind the JSON"
    )
    return tensor
