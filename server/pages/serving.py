"""What the pages' files are sent with: the browser loads nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

from flask import Response, request

from scoring.protocol.stylesheets import read_stylesheet

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
# Besides Referrer-Policy, which each page has its own reasons for.
SAFETY = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # For browsers that do not know frame-ancestors.
    "X-Frame-Options": "DENY",
}
FILE_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{key} {value}" for key, value in POLICY.items()),
    **SAFETY,
    "Referrer-Policy": "no-referrer",
    # The next version's page comes with the next version's files.
    "Cache-Control": "no-cache",
}


def content_of(path: Path) -> bytes:
    """Return a file of a page as it is sent: a stylesheet after the colours of all pages."""
    return read_stylesheet(path) if path.suffix == ".css" else path.read_bytes()


def send_file(path: Path, content_type: str) -> Response:
    """Send a file of a page, or that the browser has it already."""
    response = Response(content_of(path), content_type=content_type, headers=FILE_HEADERS)
    response.add_etag()
    response.make_conditional(request)
    return response
