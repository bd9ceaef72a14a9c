"""What every answer tells the browser: load nothing from elsewhere, run no script but our files."""

from __future__ import annotations

from flask import Flask, Response

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{key} {value}" for key, value in POLICY.items()),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not no-referrer: over plain HTTP a form's Origin would be null then, and that is all there is
    # to tell its sender by.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # For browsers that do not know frame-ancestors.
    "X-Frame-Options": "DENY",
    # What a page shows may change with the next key that somebody presses.
    "Cache-Control": "no-store",
}
IMMUTABLE = "private, max-age=31536000, immutable"


def register(app: Flask) -> None:
    """Give every answer what it does not say itself."""

    @app.after_request
    def _tell(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response
