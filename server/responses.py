"""Replies as Flask's responses, and when to come again."""

from __future__ import annotations

from flask import Response

from scoring.protocol.errors import RETRYABLE_STATUSES
from server.dialects.dialect import Reply

# How soon a caller may try again where trying again can help; a queue is shorter in a moment.
RETRY_AFTER_SECONDS = 5
RETRY_AFTER_BUSY_SECONDS = 1


def respond(reply: Reply) -> Response:
    """Return a dialect's reply as Flask's response."""
    return Response(
        reply.body,
        status=reply.status,
        content_type=reply.content_type,
        headers=dict(reply.headers),
    )


def retry_headers(status: int, code: str = "") -> dict[str, str]:
    """Return when to come again, where that can help."""
    seconds = RETRY_AFTER_BUSY_SECONDS if code == "busy" else RETRY_AFTER_SECONDS
    return {"Retry-After": str(seconds)} if status in RETRYABLE_STATUSES else {}
