"""The page that tries the API in the browser, ``GET /docs``: fixed files of this folder.

They hold no secret and want no key; it is typed into the page, which forgets it. The browser is
told to load nothing from anywhere else, to run no script but these, and not to show the page within
another.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, redirect
from flask.typing import ResponseReturnValue

from scoring.protocol.errors import NotFound
from server.dialects.openapi_parts import ALWAYS, operation
from server.pages.serving import send_file

PATH = "/docs"
FILES = Path(__file__).parent / "files"
PAGE = "docs.html"
# What else the page is made of, under its path. No other file is served.
CONTENT_TYPES = {
    "docs.css": "text/css; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
    "elements.js": "text/javascript; charset=utf-8",
    "example.jpg": "image/jpeg",
    "icon.svg": "image/svg+xml",
    "operations.js": "text/javascript; charset=utf-8",
    "pictures.js": "text/javascript; charset=utf-8",
    "sending.js": "text/javascript; charset=utf-8",
}
# How people type it, too; links in the page count from without the slash.
WITH_SLASH = f"{PATH}/"
OPEN_PATHS = frozenset({PATH, WITH_SLASH, *(f"{PATH}/{name}" for name in CONTENT_TYPES)})


def make_pages() -> Blueprint:
    """Return the blueprint of the page and its files."""
    pages = Blueprint("pages", __name__)

    @pages.get(PATH)
    def page() -> Response:
        return send_file(FILES / PAGE, "text/html; charset=utf-8")

    @pages.get(WITH_SLASH)
    def without_slash() -> ResponseReturnValue:
        # As seen from there: a proxy may serve it below a prefix that nobody here knows of.
        return redirect(f"..{PATH}", 308)

    @pages.get(f"{PATH}/<name:file>")
    def part(file: str) -> Response:
        if file not in CONTENT_TYPES:
            raise NotFound(f"the page is at {PATH}", code="not_found")
        return send_file(FILES / file, CONTENT_TYPES[file])

    return pages


def describe() -> dict[str, Any]:
    """Return what /openapi.json says of the paths of the page and its files."""
    page = operation("This API, to try in the browser", {}, ALWAYS, open_=True)
    part = operation("A part of that page", {}, (*ALWAYS, NotFound), open_=True)
    page["responses"]["200"]["content"] = {"text/html": {}}
    part["responses"]["200"]["content"] = {"*/*": {}}
    file = {"name": "file", "in": "path", "required": True, "schema": {"enum": [*CONTENT_TYPES]}}
    return {
        PATH: {"get": page},
        f"{PATH}/{{file}}": {"parameters": [{**file, "example": "docs.css"}], "get": part},
    }
