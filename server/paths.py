"""What a path names, and what is said of one that names nothing.

No path is a reason to send a caller elsewhere: where to, his own Host header would say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Flask, request
from flask.globals import request_ctx
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import BaseConverter

from scoring.protocol.errors import BadRequest
from scoring.protocol.names import check_name
from server.dialects.dialect import Manners

# Of "fashion:explain", "fashion/versions/1/generate" and "fashion/" the name is well, but nothing
# is there.
FOLLOWED_NAME = re.compile(r"\w[\w. -]*(?:(?:[:/]\w[\w. -]*)+/?|/+)")


class AnyName(BaseConverter):
    """Takes whatever stands in the place of a name, slashes too, so that a path is refused."""

    regex = r"[\s\S]+?"
    part_isolating = False


def take_any_name(app: Flask) -> None:
    """Have ``<name:…>`` in a route take any name, and no path redirected."""
    app.url_map.converters["name"] = AnyName
    # Two slashes are part of a name that is refused.
    app.url_map.merge_slashes = False


def pass_over_upgrades(app: Flask) -> None:
    """Answer whoever offers another protocol in this one, as a server may (RFC 9110, 7.8).

    Werkzeug would look for routes of a WebSocket, and there are none.
    """
    serve = app.wsgi_app

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ.pop("HTTP_UPGRADE", None)
        return serve(environ, start_response)

    app.wsgi_app = answer  # type: ignore[method-assign]  # as Flask's documentation does it


def refuse_followed_names(api: Blueprint) -> None:
    """Answer 404 where a name is followed by a word that no route has: ``…/fashion:classify``."""

    @api.before_request
    def _check() -> None:
        if any(FOLLOWED_NAME.fullmatch(name) for name in (request.view_args or {}).values()):
            raise NotFound


def is_nothing(error: MethodNotAllowed) -> bool:
    """Tell whether a path has other methods only because a name may be anything."""
    methods, adapter = error.valid_methods, request_ctx.url_adapter
    if not methods or adapter is None:
        return False
    _, names = adapter.match(method=next(iter(methods)))
    return not all(map(_is_name, names.values()))


def what_there_is(dialect: Manners) -> str:
    """Return what to say where nothing is: the paths of that dialect that take pixels."""
    scorings = (f"POST {one.path}" for one in dialect.scorings if one.method == "POST")
    return (
        f"there is nothing at this path; pixels go to {', '.join(scorings)};"
        " GET /openapi.json tells what else there is"
    )


def _is_name(name: str) -> bool:
    try:
        check_name(name)
    except BadRequest:
        return False
    return True
