"""The header Allow: the methods that a path really answers."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

# How the routes are called that only refuse.
REFUSING = "no "


def register(app: Flask) -> None:
    """Have that header tell the truth: Flask counts refusing routes, too."""

    @app.after_request
    def _allow(response: Response) -> Response:
        if "Allow" in response.headers:
            methods = {method for rule in app.url_map.iter_rules() for method in rule.methods or ()}
            adapter = app.url_map.bind(server_name="")
            response.headers["Allow"] = ", ".join(_answered(adapter, sorted(methods)))
        if request.method == "OPTIONS" and response.status_code == 200:
            # Flask's own answer, which has nothing in it, and no page.
            del response.headers["Content-Type"]
        return response


def _answered(adapter: MapAdapter, methods: list[str]) -> Iterator[str]:
    for method in methods:
        try:
            rule, _ = adapter.match(request.path, method, return_rule=True)
        except HTTPException:
            continue
        if not rule.endpoint.rpartition(".")[2].startswith(REFUSING):
            yield method
