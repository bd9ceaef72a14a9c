"""What is asked of a request when its headers have come, before its body is taken in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from scoring.protocol.errors import BadRequest
from server.access import Access
from server.memory import MemoryBudget
from server.metrics import PATH as METRICS_PATH
from server.metrics import SERVING_PATH, Metrics
from server.pages.entrance import is_form_of_page
from server.request_body import body_too_large

if TYPE_CHECKING:
    from server.http_request import HttpRequest


ANY_PATH = ""
# Where the application finds when a request was whole, in seconds of the performance counter.
RECEIVED = "scoring.received"


class Door:
    """Lets a request's body in, or not: who sends it, how large it is, whether there is room."""

    def __init__(
        self, access: Access, memory: MemoryBudget, max_request_bytes: int, metrics: Metrics
    ) -> None:
        self.access = access
        self.memory = memory
        self.max_request_bytes = max_request_bytes
        self.metrics = metrics
        # Whoever has threads and queues says here whether there is a place for so large a body.
        self.check_place: Callable[[int], None] = _always
        # Answered however busy the server is: who watches it asks most when it is.
        self.quick_paths = frozenset(access.open_paths) | {METRICS_PATH, SERVING_PATH}

    def judge(self, request: HttpRequest) -> None:
        """Take room for the body of a request whose headers have come; raises ApiError."""
        _check_framing(request)
        headers, path = request.sent_headers(), request.sent_path()
        signed = self.access.is_signed(request.command, path, headers)
        # A health check wants no key, but it has no body, either.
        known = path if is_form_of_page(path, request.content_length) else ANY_PATH
        self.access.check(known, headers, f"HTTP/{request.version}", signed=signed)
        if request.content_length > self.max_request_bytes:
            raise body_too_large(self.max_request_bytes)
        self.check_place(request.content_length)
        # How long a chunked body will be, nobody knows.
        request.share.take(request.content_length or self.max_request_bytes)


def _always(body_bytes: int) -> None:
    """Have a place for every body."""


def _check_framing(request: HttpRequest) -> None:
    """Where two ways to tell a body's end contradict each other, another program sees another end.

    Raises BadRequest (RFC 9112, 6.1 and 6.3).
    """
    if request.chunked and "CONTENT_LENGTH" in request.headers:
        raise BadRequest("a request has a Content-Length or is chunked, not both")
    if request.version != "1.1" and "TRANSFER_ENCODING" in request.headers:
        raise BadRequest("a chunked request is one of HTTP/1.1")
