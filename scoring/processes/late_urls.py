"""Routes of server and desk that cost nothing until somebody asks for their URL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

Built = tuple[str, str]


class LateRule(Rule):
    """A route that compiles what makes a URL of its parts when one is made for the first time.

    Compiled at once, as Werkzeug does it, the server's 56 routes take a tenth of its start; it
    makes none of their URLs, and the desk few.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., Built]:
        compile_now = super()._compile_builder
        compiled: Callable[..., Built] | None = None

        def build(*arguments: Any, **values: Any) -> Built:
            nonlocal compiled
            compiled = compiled or compile_now(append_unknown)
            return compiled(*arguments, **values)

        return build


def build_urls_late(app: Flask) -> None:
    """Have the routes that are added from now on compiled late."""
    app.url_rule_class = LateRule
