"""What the dialects' descriptions (OpenAPI 3.1) are put together from."""

from __future__ import annotations

from typing import Any

from scoring.protocol.errors import (
    ApiError,
    BadRequest,
    InvalidPixels,
    NotFound,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedMedia,
)
from scoring.protocol.signature import Signature

MEANINGS: dict[type[ApiError], str] = {
    BadRequest: "The request is not what is described here, or nested deeper than `limit` levels.",
    Unauthorized: "The server wants its key: Authorization: Bearer …",
    NotFound: "No model of that name; the message names those there are.",
    TooLarge: "More bytes or rows than the server takes; `limit` says how many.",
    UnsupportedMedia: "A content type or encoding that the server does not read.",
    InvalidPixels: "The pixels do not fit the model, or are no whole numbers from 0 to 255.",
    Unavailable: "The server is stopping, full or busy; try again after Retry-After seconds.",
}
Errors = tuple[type[ApiError], ...]
# A wrong Host or header, and a missing key, are refused on every path.
ALWAYS: Errors = (BadRequest, Unauthorized)
PREDICTING: Errors = (TooLarge, UnsupportedMedia, InvalidPixels, Unavailable)


def operation(
    summary: str, answer: dict[str, Any], errors: Errors, *, open_: bool = False, family: str = ""
) -> dict[str, Any]:
    """Describe one operation; an ``open_`` one wants no key, its errors are those of a family."""
    responses: dict[str, Any] = {"200": {"description": "OK", "content": json_content(answer)}}
    for error in errors:
        responses[str(error.status)] = {"$ref": f"#/components/responses/{family}{error.__name__}"}
    described = {"summary": summary, "responses": responses}
    return {**described, "security": []} if open_ else described


def error_responses(schema: dict[str, Any], family: str = "") -> dict[str, Any]:
    """Describe every refusal, its body being of ``schema``; a family for each dialect."""
    return {
        f"{family}{error.__name__}": {"description": meaning, "content": json_content(schema)}
        for error, meaning in MEANINGS.items()
    }


def model_name(signature: Signature) -> dict[str, Any]:
    """Describe the ``{name}`` of a model in a path."""
    return {
        "name": "name",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "example": signature.name,
    }


def model_version(signature: Signature) -> dict[str, Any]:
    """Describe the ``{version}`` of a model in a path."""
    return {
        "name": "version",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "description": "the model's version, the first 8 characters of it or more, or 1",
        "example": signature.version,
    }


def object_of(properties: dict[str, Any]) -> dict[str, Any]:
    """Describe an object that has all of these properties."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def json_content(schema: dict[str, Any]) -> dict[str, Any]:
    """Describe a body of JSON."""
    return {"application/json": {"schema": schema}}


def reference(name: str) -> dict[str, Any]:
    """Refer to a schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}
