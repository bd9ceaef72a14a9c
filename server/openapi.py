"""The API's own description (OpenAPI 3.1), put together from what each dialect says of itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from scoring.protocol.signature import Signature
from scoring.settings import ServerSettings
from server.dialects.dialect import Dialect
from server.dialects.openapi_parts import ALWAYS, operation
from server.metrics import PATH as METRICS_PATH

OPENAPI = "3.1.0"
# Of the API as it is described here, not of the software.
API_VERSION = "1"
PATH = "/openapi.json"


def openapi_document(
    dialects: Iterable[Dialect], settings: ServerSettings, signature: Signature, prefix: str = ""
) -> dict[str, Any]:
    """Return the description with the limits of this server; the signature is its first model's.

    Its paths lie below ``prefix``: a proxy or Apache may serve this server as a part of another.
    """
    parts = [dialect.describe(settings, signature) for dialect in dialects]
    metrics = operation("What was done so far, for Prometheus", {"type": "string"}, ALWAYS)
    metrics["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    itself = {
        PATH: {"get": operation("This description", {"type": "object"}, ALWAYS)},
        METRICS_PATH: {"get": metrics},
    }
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Image scorer",
            "version": API_VERSION,
            "description": "Names what is in small images and says how sure it is.",
        },
        "servers": [{"url": prefix or "/"}],
        "security": [{"key": []}, {}],
        "paths": itself | {path: item for part in parts for path, item in part.paths.items()},
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {name: one for part in parts for name, one in part.schemas.items()},
            "responses": {name: one for part in parts for name, one in part.responses.items()},
        },
    }
