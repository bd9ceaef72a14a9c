"""Every error leaves as JSON, here and nowhere else."""

from __future__ import annotations

import logging

import orjson
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from scoring.protocol.errors import RETRYABLE_STATUSES, ApiError

logger = logging.getLogger("scoring.server")

# How soon a caller may try again where trying again can help.
RETRY_AFTER_SECONDS = 5


def register(app: Flask) -> None:
    """Turn typed errors, HTTP errors and bugs into the error body of the protocol."""

    @app.errorhandler(ApiError)
    def _refused(error: ApiError) -> Response:
        return error_response(error)

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = error.code or 500
        body = error_body(status, error.description or "")
        response = Response(orjson.dumps(body), status=status, mimetype="application/json")
        allow = error.get_response().headers.get("Allow")
        if allow:
            response.headers["Allow"] = allow
        return response

    @app.errorhandler(Exception)
    def _bug(error: Exception) -> Response:
        logger.exception("error in the server", exc_info=error)
        body = error_body(500, "error in the server; its log has the details")
        return Response(orjson.dumps(body), status=500, mimetype="application/json")


def error_response(error: ApiError) -> Response:
    """Return the response for a typed error."""
    response = Response(
        orjson.dumps(error.as_json()), status=error.status, mimetype="application/json"
    )
    if error.status in RETRYABLE_STATUSES:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def error_body(status: int, message: str) -> dict[str, dict[str, str]]:
    """Return the error body for a status that has no typed error."""
    codes = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 500: "internal"}
    return {"error": {"code": codes.get(status, f"http_{status}"), "message": message}}
