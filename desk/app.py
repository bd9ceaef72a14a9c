"""The Flask application of the desk; ``create_app`` takes its settings, tests inject theirs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Flask

from desk import context, error_pages, headers, reviewing, sessions
from desk.access import Access, key_of, require_key_beyond_loopback
from desk.context import Desk
from desk.pages import (
    files,
    metrics,
    picture,
    picture_files,
    pictures,
    rendering,
    review,
    review_grid,
    runs,
    sign_in,
    today,
)
from desk.reviewing import Reviewing
from desk.secret import signing_secret
from scoring.processes.late_urls import build_urls_late
from scoring.processes.proxies import believe_proxies
from scoring.records.picture_store import PictureStore
from scoring.settings import Settings, load_settings

PAGES = (
    *(files.pages, picture_files.pages, today.pages, review.pages, review_grid.pages),
    *(runs.pages, pictures.pages, picture.pages),
)
# What a form or a key press sends is short.
MOST_BODY_BYTES = 1_000_000


def create_app(
    settings: Settings | None = None,
    *,
    loopback: bool = False,
    now: Callable[[], datetime] | None = None,
    read_settings: Callable[[], Settings] | None = None,
) -> Flask:
    """Return the desk's pages.

    Args:
        settings: by default those of the project folder.
        loopback: whether only this machine can reach it; else a key is required.
        now: tells the time in the schedule's zone.
        read_settings: reads the settings again, where they may have changed since.

    Raises SettingsError without the key it needs, ScoringError where the secret that signs its
    cookies cannot be kept.
    """
    settings = settings or load_settings()
    require_key_beyond_loopback(settings.desk, loopback)
    app = Flask("desk", static_folder=None, template_folder="pages/templates")
    build_urls_late(app)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BODY_BYTES
    store = PictureStore.from_settings(settings)
    read = read_settings or (lambda: settings)
    context.register(app, Desk(settings, now or settings.now, store, read))
    reviewing.register(app, Reviewing(settings, store.near))
    headers.register(app)
    error_pages.register(app)
    sessions.register(app, signing_secret(settings))
    # A proxy passes on the name that others know the desk by.
    access = Access(key_of(settings.desk), loopback=loopback and not settings.desk.has_proxy)
    access.guard(app)
    rendering.register(app)
    own = (sign_in.make_pages(access), metrics.make_pages(settings))
    for pages in (*PAGES, *own):
        app.register_blueprint(pages)
    believe_proxies(app, settings.desk)
    return app
