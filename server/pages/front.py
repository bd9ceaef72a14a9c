"""What stands at ``GET /``: what is served here, and every request that there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from scoring.protocol.signature import Signature
from server.dialects.dialect import Reply
from server.dialects.openapi_parts import ALWAYS, object_of, operation
from server.handler import Handler

PATH = "/"


def tell(handler: Handler, endpoints: Mapping[str, str]) -> Reply:
    """Return the page: JSON, with ``endpoints`` like ``{"POST /predict": "what it does"}``."""
    about = {
        "service": "image scorer",
        # KServe's first protocol asks here whether the server lives.
        "status": "alive",
        "what": handler.signature().purpose,
        "models": [_about(signature) for signature in handler.signatures()],
        "endpoints": endpoints,
    }
    return Reply(orjson.dumps(about))


def describe() -> dict[str, Any]:
    """Return what /openapi.json says of the path."""
    text = {"type": "string"}
    model = object_of(dict.fromkeys(("name", "version", "purpose"), text))
    about = object_of(
        {
            **dict.fromkeys(("service", "status", "what"), text),
            "models": {"type": "array", "items": model},
            "endpoints": {"type": "object", "additionalProperties": text},
        }
    )
    return {PATH: {"get": operation("What is served here", about, ALWAYS)}}


def _about(signature: Signature) -> dict[str, str]:
    return {
        "name": signature.name,
        "version": signature.version,
        "purpose": signature.purpose,
    }
