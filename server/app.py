"""The Flask application; ``create_app`` takes its settings, tests inject theirs."""

from __future__ import annotations

import time
from functools import cache, partial
from typing import cast

from flask import Flask, Response, g, request

from scoring.monitoring.exposition import RunCollector
from scoring.processes.late_urls import build_urls_late
from scoring.processes.proxies import believe_proxies
from scoring.protocol.identity import SessionSecret
from scoring.settings import Settings, load_settings
from server import allowed_methods, dialects, error_handlers, feedback_route, openapi
from server.access import Access, guard, require_key_beyond_loopback
from server.access_log import log_request
from server.door import RECEIVED, Door
from server.drain import Drain
from server.endpoints import make_endpoints
from server.feedback import FeedbackDesk
from server.handler import Handler
from server.image_folder import ImageFolder
from server.manners import manners_at
from server.memory import MemoryBudget
from server.metrics import Metrics
from server.models import ModelTable, load_served
from server.pages import docs, front, upload
from server.paths import pass_over_upgrades, take_any_name
from server.submissions import Submissions

DOOR = "scoring.door"


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
        models = load_served(settings)
    app = Flask("server", static_folder=None)
    build_urls_late(app)
    take_any_name(app)
    pass_over_upgrades(app)
    error_handlers.register(app, settings.server.max_request_bytes)
    allowed_methods.register(app)
    open_paths = dialects.open_paths(dialects.DIALECTS) | docs.OPEN_PATHS | upload.OPEN_PATHS
    access = Access(settings.server, open_paths, loopback=loopback, secret=secret)
    metrics = Metrics(models.signatures(), RunCollector(settings))
    _note_requests(app, metrics)
    memory = MemoryBudget(settings.server.max_memory_bytes, metrics.holds)
    app.extensions[DOOR] = Door(access, memory, settings.server.max_request_bytes, metrics)
    guard(app, access)
    believe_proxies(app, settings.server)
    handler = Handler(models, settings.server, drain or Drain())
    folder = settings.path(settings.server.images) if settings.server.images else None
    images = ImageFolder(folder, settings.server.max_request_bytes)
    app.register_blueprint(
        make_endpoints(dialects.DIALECTS, handler, settings.server, memory, images, metrics)
    )
    page = upload.UploadPage(handler, settings, memory, metrics, access.entrance)
    # Put together when it is first asked for: no start waits for it.
    requests = cache(
        partial(openapi.summaries, dialects.DIALECTS, settings.server, handler.signature())
    )
    app.register_blueprint(front.make_front(handler, requests, page.front))
    app.register_blueprint(upload.make_upload(page))
    feedback = FeedbackDesk(handler, settings, Submissions(settings))
    app.register_blueprint(
        feedback_route.make_feedback(feedback, handler, settings.server, memory, access)
    )
    app.register_blueprint(docs.make_pages())
    return app


def door_of(app: Flask) -> Door:
    """Return the rules of an application for requests whose bodies have not come yet."""
    return cast(Door, app.extensions[DOOR])


def _note_requests(app: Flask, metrics: Metrics) -> None:
    """Log and count each request, and how long it took from when it was whole."""

    @app.before_request
    def _start() -> None:
        now = time.perf_counter()
        g.started = request.environ.get(RECEIVED, now)
        if RECEIVED in request.environ:
            metrics.waited(now - g.started)

    @app.after_request
    def _end(response: Response) -> Response:
        seconds = time.perf_counter() - g.started
        dialect, status = manners_at(request.path).name, response.status_code
        metrics.answered(dialect, status, seconds)
        address, rows = request.remote_addr or "", request.environ.get("scoring.rows")
        log_request(address, request.method, request.path, status, rows, seconds)
        return response
