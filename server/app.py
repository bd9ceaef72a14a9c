"""The Flask application; ``create_app`` takes its settings, tests inject theirs."""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, request

from scoring.protocol.identity import SessionSecret
from scoring.settings import Settings, load_settings
from server import error_handlers
from server.access import guard, require_key_beyond_loopback
from server.dialects import DIALECTS
from server.drain import Drain
from server.endpoints import AnyName, make_endpoints
from server.handler import Handler
from server.models import ModelTable, load_models

access_log = logging.getLogger("scoring.server.access")


def create_app(
    settings: Settings | None = None,
    *,
    models: ModelTable | None = None,
    drain: Drain | None = None,
    secret: SessionSecret | None = None,
    loopback: bool = False,
) -> Flask:
    """Return the prediction API.

    Args:
        settings: by default those of the project folder.
        models: by default the bundles that the settings name, loaded and verified here.
        drain: shared with whoever stops the server.
        secret: of the session that started it; whoever signs with it needs no key, and gets
            answers that prove where they come from.
        loopback: whether only this machine can reach the server. Under gunicorn or mod_wsgi
            nobody knows, so a key is required.

    Raises SettingsError without the key it needs, BundleError for a bundle that cannot be trusted.
    """
    settings = settings or load_settings()
    require_key_beyond_loopback(settings.server, loopback)
    if models is None:
        models = load_models(settings.model_folders, settings.server.inference_threads)
    app = Flask("server", static_folder=None)
    app.url_map.converters["name"] = AnyName
    # Two slashes are part of a name that is refused, not a reason to send the caller elsewhere.
    app.url_map.merge_slashes = False
    error_handlers.register(app)
    _log_requests(app)
    guard(app, settings.server, loopback, secret)
    handler = Handler(models, settings.server, drain or Drain())
    app.register_blueprint(make_endpoints(DIALECTS, handler, settings.server))
    return app


def _log_requests(app: Flask) -> None:
    @app.before_request
    def _start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def _log(response: Response) -> Response:
        milliseconds = (time.perf_counter() - g.started) * 1000
        rows = request.environ.get("scoring.rows")
        access_log.info(
            "%s %s %s %d%s %.0f ms",
            request.remote_addr,
            request.method,
            ascii(request.path)[1:-1],
            response.status_code,
            "" if rows is None else f" {rows} rows",
            milliseconds,
        )
        return response
