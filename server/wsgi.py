"""The application under another WSGI server than ours: gunicorn, Apache's mod_wsgi."""

from __future__ import annotations

import sys

from flask import Flask

from scoring.protocol.errors import ScoringError
from server import app
from server.console import log_to_console

# gunicorn takes it for "no worker will ever start" and ends; any other code has it try for ever.
NEVER_STARTS = 3


def create_app() -> Flask:
    """Return the prediction API with the settings of the project folder.

    Nobody knows here who can reach the server, so that a key is required. What is wrong with the
    settings or a bundle is one line in the server's log, and SystemExit.
    """
    log_to_console()
    try:
        return app.create_app()
    except ScoringError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(NEVER_STARTS) from None
