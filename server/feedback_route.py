"""``POST /models/{name}/feedback``: what a picture really shows, from another program."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Blueprint, Response, request

from scoring.protocol.errors import ApiError, Forbidden, NotFound
from scoring.protocol.json_shape import parsed_bytes
from scoring.protocol.same_origin import sender
from scoring.protocol.signature import Signature
from scoring.records.answers import WORDS
from scoring.settings import ServerSettings
from server import paths
from server.access import Access
from server.dialects import feedback_form
from server.dialects.dialect import Reply
from server.dialects.examples import refer_to
from server.dialects.feedback_form import LONGEST_NOTE, MOST_ITEMS
from server.dialects.openapi_parts import (
    ALWAYS,
    PREDICTING,
    json_content,
    model_name,
    object_of,
    operation,
    reference,
)
from server.feedback import FeedbackDesk, Result
from server.handler import Handler
from server.memory import MemoryBudget
from server.request_body import read_body
from server.responses import respond

PATH = "/models/{name}/feedback"
# No page of another site can send this type without asking first, and it is answered no.
MEDIA_TYPES = frozenset({"application/json"})


def make_feedback(
    desk: FeedbackDesk,
    handler: Handler,
    settings: ServerSettings,
    memory: MemoryBudget,
    access: Access,
) -> Blueprint:
    """Return the blueprint of the route."""
    pages = Blueprint("feedback", __name__)
    paths.refuse_followed_names(pages)

    @pages.post(PATH.replace("{", "<name:").replace("}", ">"))
    def feedback(name: str) -> Response:
        _check_sender(access)
        with handler.working(), memory.share(request.content_length or 0) as share:
            limits = handler.limits(handler.signature(name), share.take)
            body = read_body(settings, MEDIA_TYPES, share)
            share.take(parsed_bytes(body))
            wanted = feedback_form.decode(body, limits)
            request.environ["scoring.rows"] = len(wanted.items)
            results = desk.take(name, wanted.items, limits)
        return _one(results[0]) if wanted.is_one else _many(results)

    return pages


def _check_sender(access: Access) -> None:
    access.require_known_writer()
    if sender(request.headers, request.scheme) == "foreign":
        raise Forbidden("a page of another site may not say what pictures show")


def _one(result: Result) -> Response:
    if isinstance(result, ApiError):
        raise result
    return _respond(feedback_form.encode(result))


def _many(results: list[Result]) -> Response:
    told = [
        feedback_form.refusal(one) if isinstance(one, ApiError) else feedback_form.encode(one)
        for one in results
    ]
    return _respond({"results": told})


def _respond(document: dict[str, Any]) -> Response:
    return respond(Reply(orjson.dumps(document)))


def examples(signature: Signature) -> dict[str, Any]:
    """Return a request by its name; nobody's picture is corrected by whoever tries it."""
    item = {"id": "0" * 64, "label": signature.labels[0], "reviewer": "anna", "note": "a try"}
    return {"feedback": [item]}


def describe(signature: Signature) -> dict[str, Any]:
    """Return what /openapi.json says of the path."""
    answer = {"anyOf": [_taken(), object_of({"results": {"type": "array"}})]}
    described = operation("What pictures really show", answer, (*ALWAYS, NotFound, *PREDICTING))
    refused = json_content(reference("Error"))
    described["responses"] |= {
        "403": {"description": "A page of another site, or no key is set", "content": refused},
        "409": {
            "description": "Another review stands, or several pictures fit",
            "content": refused,
        },
    }
    item = _item(signature)
    many = {"type": "array", "items": item, "minItems": 1, "maxItems": MOST_ITEMS}
    content = json_content({"anyOf": [item, many]})
    content["application/json"]["examples"] = refer_to(examples(signature))
    described["requestBody"] = {"required": True, "content": content}
    return {PATH: {"parameters": [model_name(signature)], "post": described}}


def _item(signature: Signature) -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "id": {**text, "pattern": "^[0-9A-Fa-f]{64}$", "description": "SHA-256 of the file"},
            "picture": {**text, "contentEncoding": "base64", "description": "the file itself"},
            "batch": {**text, "description": "with image in the place of id, or beside it"},
            "image": {**text, "description": "its path in the batch, as in Results.csv"},
            "label": {**text, "example": signature.labels[0]},
            "verdict": {"enum": list(WORDS), "description": "in the place of a label"},
            "reviewer": {**text, "description": 'who says so; "api" where nobody is named'},
            "note": {**text, "maxLength": LONGEST_NOTE},
            "expected": {
                "type": ["integer", "null"],
                "description": "the review that is to be replaced; none: there is none yet",
            },
        },
        "additionalProperties": False,
    }


def _taken() -> dict[str, Any]:
    text = {"type": "string"}
    maybe = {"type": ["string", "null"]}
    return object_of(
        {
            "status": {"enum": ["written", "standing"]},
            "review": {"type": "integer"},
            **{"label": maybe, "verdict": text, "reviewer": text, "id": text},
            **{"batch": text, "image": text, "predicted": maybe},
        }
    )
