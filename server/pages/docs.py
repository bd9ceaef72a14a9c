"""The page that tries the API in the browser, ``GET /docs``: fixed files of this folder.

They hold no secret and want no key; it is typed into the page, which forgets it. The browser is
told to load nothing from anywhere else, to run no script but these, and not to show the page within
another.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request

from scoring.protocol.errors import NotFound
from server.dialects.openapi_parts import ALWAYS, operation

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
OPEN_PATHS = frozenset({PATH, *(f"{PATH}/{name}" for name in CONTENT_TYPES)})
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    # The pictures that somebody chose are shown from memory.
    "img-src": "'self' blob:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{key} {value}" for key, value in POLICY.items()),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # For browsers that do not know frame-ancestors.
    "X-Frame-Options": "DENY",
    # The next version's page comes with the next version's files.
    "Cache-Control": "no-cache",
}


def make_pages() -> Blueprint:
    """Return the blueprint of the page and its files."""
    pages = Blueprint("pages", __name__)

    @pages.get(PATH)
    def page() -> Response:
        return _file(PAGE, "text/html; charset=utf-8")

    @pages.get(f"{PATH}/<name:file>")
    def part(file: str) -> Response:
        if file not in CONTENT_TYPES:
            raise NotFound(f"the page is at {PATH}", code="not_found")
        return _file(file, CONTENT_TYPES[file])

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


def _file(name: str, content_type: str) -> Response:
    response = Response((FILES / name).read_bytes(), content_type=content_type, headers=HEADERS)
    response.add_etag()
    response.make_conditional(request)
    return response
