"""What /openapi.json says of MLflow's scoring server."""

from __future__ import annotations

from typing import Any

from scoring.protocol.errors import NotFound
from scoring.protocol.signature import Signature
from scoring.settings import ServerSettings
from server.dialects.dialect import Description
from server.dialects.examples import csv_examples, form_examples, refer_to
from server.dialects.form_schemas import bare_forms, detail_parameters, one_of, rows_of_answer
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

HEALTH = ("/ping", "/health")
VERSION = "/version"
INVOCATIONS = "/invocations"
INVOCATIONS_OF = "/endpoints/{name}/invocations"
ENDPOINTS = "/api/2.0/endpoints/"
ENDPOINT = "/api/2.0/endpoints/{name}"
FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
FAMILY = "Mlflow"
TEXT = {"type": "string"}


def describe(settings: ServerSettings, signature: Signature) -> Description:
    """Describe the routes; the forms are described by the first dialect."""
    name = model_name(signature)
    forms, tables = form_examples(signature, FORMS), csv_examples(signature)
    content = {
        "application/json": {"schema": reference("MlflowRequest"), "examples": refer_to(forms)},
        "text/csv": {"schema": TEXT, "examples": refer_to(tables)},
    }
    endpoint = reference("MlflowEndpoint")
    endpoints = object_of({"endpoints": {"type": "array", "items": endpoint}})
    return Description(
        title="MLflow",
        paths={
            **{path: {"get": _health()} for path in HEALTH},
            VERSION: {"get": _version()},
            ENDPOINTS: {"get": _operation("The models", endpoints, ALWAYS)},
            ENDPOINT: {
                "parameters": [name],
                "get": _operation("A model", endpoint, (*ALWAYS, NotFound)),
            },
            INVOCATIONS: {"post": _invoke("Score with the first model", content, ())},
            INVOCATIONS_OF: {
                "parameters": [name],
                "post": _invoke("Score with a named model", content, (NotFound,)),
            },
        },
        schemas=_schemas(),
        responses=error_responses(reference("MlflowError"), FAMILY),
        examples={**forms, **tables},
    )


def _health() -> dict[str, Any]:
    health = object_of({"ready": {"type": "boolean"}})
    described = operation("Work is taken", health, (), open_=True)
    described["responses"]["503"] = {"description": "Stopping", "content": json_content(health)}
    return described


def _version() -> dict[str, Any]:
    described = _operation("The first model's version", {}, ALWAYS)
    described["responses"]["200"]["content"] = {"text/plain": {"schema": TEXT}}
    return described


def _invoke(summary: str, content: dict[str, Any], errors: Errors) -> dict[str, Any]:
    answer = object_of({"predictions": rows_of_answer()})
    return {
        **_operation(summary, answer, (*ALWAYS, *errors, *PREDICTING)),
        "parameters": detail_parameters(),
        "requestBody": {"required": True, "content": content},
    }


def _operation(summary: str, answer: dict[str, Any], errors: Errors) -> dict[str, Any]:
    return operation(summary, answer, errors, family=FAMILY)


def _schemas() -> dict[str, Any]:
    params = {
        "type": ["object", "null"],
        "description": "probabilities and top, as in the query; others are passed over",
    }
    request = {**one_of(*FORMS), "type": "object", "properties": {"params": params}}
    model = object_of({"name": TEXT, "provider": TEXT})
    endpoint = {**dict.fromkeys(("name", "endpoint_type", "endpoint_url"), TEXT), "model": model}
    endpoint["limit"] = {"type": ["integer", "null"], "description": "always null"}
    return {
        "MlflowRequest": {"anyOf": [request, *bare_forms()]},
        "MlflowEndpoint": object_of(endpoint),
        "MlflowError": object_of({"error_code": TEXT, "message": TEXT}),
    }
