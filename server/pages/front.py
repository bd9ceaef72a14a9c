"""What stands at ``GET /``: the upload page for a browser, else JSON that says what is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from flask import Blueprint, Response, request

from scoring.protocol.signature import Signature
from server.dialects.dialect import Reply
from server.dialects.openapi_parts import ALWAYS, object_of, operation
from server.handler import Handler
from server.pages.entrance import FRONT, wants_page
from server.responses import respond


def make_front(
    handler: Handler, endpoints: Callable[[], Mapping[str, str]], page: Callable[[], Response]
) -> Blueprint:
    """Return the blueprint of this path; ``page`` is what a browser is shown.

    ``endpoints`` returns what each request does, like ``{"POST /predict": "what it does"}``.
    """
    front = Blueprint("front", __name__)

    # Below a proxy's or Apache's prefix it may be asked for without the slash.
    @front.get(FRONT, strict_slashes=False)
    def what_this_is() -> Response:
        if wants_page(request.headers):
            return page()
        response = respond(tell(handler, endpoints()))
        response.vary.add("Accept")
        return response

    return front


def tell(handler: Handler, endpoints: Mapping[str, str]) -> Reply:
    """Return JSON that says what is served, and by which requests."""
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
    described = operation("What is served here; for a browser the upload page", about, ALWAYS)
    described["responses"]["200"]["content"]["text/html"] = {"schema": text}
    return {FRONT: {"get": described}}


def _about(signature: Signature) -> dict[str, str]:
    return {
        "name": signature.name,
        "version": signature.version,
        "purpose": signature.purpose,
    }
