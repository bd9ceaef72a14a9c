"""The API's own description (OpenAPI 3.1), put together from what each dialect says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from scoring.protocol.signature import Signature
from scoring.settings import ServerSettings
from server import feedback_route
from server.dialects.dialect import Description, Dialect
from server.dialects.openapi_parts import ALWAYS, operation
from server.metrics import PATH as METRICS_PATH
from server.metrics import SERVING_PATH
from server.pages import docs, front, upload

OPENAPI = "3.1.0"
# Of the API as it is described here, not of the software.
API_VERSION = "1"
PATH = "/openapi.json"
# Of what a path may hold besides; the rest of it is the same for all its operations.
METHODS = frozenset({"get", "post"})


def openapi_document(
    dialects: Iterable[Dialect], settings: ServerSettings, signature: Signature, prefix: str = ""
) -> dict[str, Any]:
    """Return the description with the limits of this server; the signature is its first model's.

    Its paths lie below ``prefix``: a proxy or Apache may serve this server as a part of another.
    """
    parts = [
        *(dialect.describe(settings, signature) for dialect in dialects),
        _around_them(signature),
    ]
    examples = {name: one for part in parts for name, one in part.examples.items()}
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Image scorer",
            "version": API_VERSION,
            "description": "Names what is in small images and says how sure it is.",
        },
        "servers": [{"url": prefix or "/"}],
        "security": [{"key": []}, {}],
        "tags": [{"name": part.title} for part in parts],
        "paths": {path: item for part in parts for path, item in _paths(part).items()},
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {name: one for part in parts for name, one in part.schemas.items()},
            "responses": {name: one for part in parts for name, one in part.responses.items()},
            "examples": {name: {"value": value} for name, value in examples.items()},
        },
    }


def summaries(
    dialects: Iterable[Dialect], settings: ServerSettings, signature: Signature
) -> dict[str, str]:
    """Return in a few words what each request does, under its method and path."""
    paths = openapi_document(dialects, settings, signature)["paths"]
    return {
        f"{method.upper()} {path}": f"{described['tags'][0]}: {described['summary']}"
        for path, item in paths.items()
        for method, described in item.items()
        if method in METHODS
    }


def _around_them(signature: Signature) -> Description:
    """Describe what is served in no dialect."""
    paths = {
        PATH: {"get": operation("This description", {"type": "object"}, ALWAYS)},
        METRICS_PATH: {"get": _numbers("What was done so far, for Prometheus")},
        SERVING_PATH: {"get": _numbers("The same, at TensorFlow Serving's path")},
        **front.describe(),
        **upload.describe(),
        **feedback_route.describe(signature),
        **docs.describe(),
    }
    examples = feedback_route.examples(signature)
    return Description(title="The server", paths=paths, schemas={}, responses={}, examples=examples)


def _numbers(summary: str) -> dict[str, Any]:
    described = operation(summary, {"type": "string"}, ALWAYS)
    described["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    return described


def _paths(part: Description) -> dict[str, Any]:
    """Return a part's paths with a heading and a name for each operation."""
    return {path: _path_item(path, item, part.title) for path, item in part.paths.items()}


def _path_item(path: str, item: Mapping[str, Any], tag: str) -> dict[str, Any]:
    return {
        key: {"tags": [tag], "operationId": _operation_id(key, path), **value}
        if key in METHODS
        else value
        for key, value in item.items()
    }


def _operation_id(method: str, path: str) -> str:
    """Name an operation as a function of a generated client: ``post_models_name_predict``."""
    return "_".join([method, *(re.findall(r"\w+", path) or ["root"])])
