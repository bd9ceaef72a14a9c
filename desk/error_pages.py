"""Every error leaves here: as a page for a person, as JSON for a script or a program."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, make_response, render_template
from werkzeug.exceptions import HTTPException

from desk.access import wants_page
from scoring.protocol.errors import (
    ApiError,
    LedgerDamaged,
    LedgerError,
    LedgerMissing,
    LedgerOutdated,
    ScoringError,
)

logger = logging.getLogger("scoring.desk")

# What a person reads first; then comes what the error says itself.
TITLES = {
    400: "That cannot be done",
    401: "The key is missing",
    403: "Not from here",
    404: "There is no such page",
    405: "There is no such page",
    409: "Somebody was faster",
    413: "That is too much",
    429: "Too many tries",
    500: "Something went wrong",
}
NO_PAGE = "It may have been removed since the link was made."
BUG = "The desk's log has the details; the ledger and what was reviewed are untouched."
LEDGER_TITLES: tuple[tuple[type[LedgerError], str], ...] = (
    (LedgerOutdated, "The next run brings the ledger up to date"),
    (LedgerDamaged, "The ledger cannot be read"),
    (LedgerError, "The ledger cannot be used just now"),
)
# A desk mends nothing; whoever is before it learns who does.
WHO_MENDS = "The next run sets it aside, and takes its latest good backup."


def register(app: Flask) -> None:
    """Turn typed errors, HTTP errors and bugs into answers."""

    @app.errorhandler(ApiError)
    def _refused(error: ApiError) -> Response:
        response = answer(error.status, error.wire_code, _title(error.status), error.message)
        if error.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        retry_after = getattr(error, "retry_after", None)
        if retry_after is not None:
            response.headers["Retry-After"] = str(retry_after)
        return response

    @app.errorhandler(LedgerMissing)
    def _nothing_yet(error: LedgerMissing) -> Response:
        if not wants_page():
            return answer(503, error.code, "", str(error))
        return make_response(render_template("nothing_yet.html"))

    @app.errorhandler(LedgerError)
    def _ledger(error: LedgerError) -> Response:
        title = next(title for kind, title in LEDGER_TITLES if isinstance(error, kind))
        message = f"{error}. {WHO_MENDS}" if isinstance(error, LedgerDamaged) else str(error)
        return answer(503, error.code, title, message)

    @app.errorhandler(ScoringError)
    def _not_possible(error: ScoringError) -> Response:
        return answer(503, error.code, "That is not possible just now", str(error))

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = error.code or 500
        message = NO_PAGE if status in (404, 405) else error.description or ""
        response = answer(status, f"http_{status}", _title(status), message)
        allow = error.get_response().headers.get("Allow")
        if allow:
            response.headers["Allow"] = allow
        return response

    @app.errorhandler(Exception)
    def _bug(error: Exception) -> Response:
        logger.exception("error in the desk", exc_info=error)
        return answer(500, "internal", _title(500), BUG)


def answer(status: int, code: str, title: str, message: str) -> Response:
    """Return an error as a page or as JSON, whichever was asked for."""
    if not wants_page():
        body: Response = jsonify(error={"code": code, "message": message})
    else:
        body = make_response(render_template("error.html", title=title, message=message))
    body.status_code = status
    return body


def _title(status: int) -> str:
    return TITLES.get(status, TITLES[500] if status >= 500 else TITLES[400])
