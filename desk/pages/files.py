"""The stylesheet, the scripts and the mark of the pages: fixed files of this folder's ``files``."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, abort, url_for

from desk.headers import IMMUTABLE
from scoring.protocol.stylesheets import read_stylesheet

FOLDER = Path(__file__).parent / "files"
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

pages = Blueprint("files", __name__)


@pages.get("/files/<version>/<name>")
def file(version: str, name: str) -> Response:
    """Return a file; its address changes with its content, so a browser keeps it."""
    content = read_files().get(name)
    if content is None:
        abort(404)
    response = Response(content, content_type=CONTENT_TYPES[Path(name).suffix])
    if version == _version(content):
        response.headers["Cache-Control"] = IMMUTABLE
    return response


def file_url(name: str) -> str:
    """Return the address of a file as it is now."""
    return url_for("files.file", version=_version(read_files()[name]), name=name)


@cache
def read_files() -> dict[str, bytes]:
    """Return all that is served, by name."""
    files = (path for path in FOLDER.iterdir() if path.suffix in CONTENT_TYPES)
    return {path.name: _content(path) for path in files}


def _content(path: Path) -> bytes:
    return read_stylesheet(path) if path.suffix == ".css" else path.read_bytes()


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
