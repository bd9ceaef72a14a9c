"""Every error leaves in the caller's dialect, here and nowhere else."""

from __future__ import annotations

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from scoring.protocol.errors import ApiError, TooLarge, Unavailable
from server.manners import manners_at
from server.paths import is_nothing, what_there_is
from server.request_body import skip_body
from server.responses import respond, retry_headers

logger = logging.getLogger("scoring.server")

OTHER_METHOD = "the path has another method; see the header Allow"
NO_MEMORY = (
    "the machine has no memory for this request just now; raise the server's limits (ulimit -v,"
    " MemoryMax=), end what else takes it, or send fewer rows"
)
CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 500: "internal"}


class HttpError(ApiError):
    """A refusal by HTTP itself, which has no type of its own: no such path, no such method."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message, code=CODES.get(status, f"http_{status}"))
        self.status = status


def register(app: Flask, max_request_bytes: int) -> None:
    """Turn typed errors, HTTP errors and bugs into answers, once the request has come whole."""

    def answer(error: ApiError) -> Response:
        if error.status != TooLarge.status:
            skip_body(max_request_bytes)
        return _answer(error)

    @app.errorhandler(ApiError)
    def _refused(error: ApiError) -> Response:
        return answer(error)

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        if isinstance(error, MethodNotAllowed) and is_nothing(error):
            error = NotFound()
        response = answer(HttpError(error.code or 500, _message(error)))
        allow = error.get_response().headers.get("Allow")
        if allow:
            response.headers["Allow"] = allow
        return response

    @app.errorhandler(MemoryError)
    def _short(error: MemoryError) -> Response:
        # It may be a bug that wants so much: the log shows where.
        logger.exception("no memory for a request", exc_info=error)
        return answer(Unavailable(NO_MEMORY, code="memory"))

    @app.errorhandler(Exception)
    def _bug(error: Exception) -> Response:
        logger.exception("error in the server", exc_info=error)
        return answer(HttpError(500, "error in the server; its log has the details"))


def error_headers(error: ApiError) -> dict[str, str]:
    """Return what HTTP wants beside the body of a refusal."""
    if error.status == 401:
        return {"WWW-Authenticate": "Bearer"}
    return retry_headers(error.status, error.wire_code)


def _message(error: HTTPException) -> str:
    if isinstance(error, NotFound):
        return what_there_is(manners_at(request.path))
    return OTHER_METHOD if isinstance(error, MethodNotAllowed) else error.description or ""


def _answer(error: ApiError) -> Response:
    response = respond(manners_at(request.path).error(error))
    response.headers.extend(error_headers(error))
    return response
