"""A desk over a project folder of the test's own, asked as a browser asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from desk.app import create_app
from scoring.settings import Settings, load_settings

# What a browser sends with a form of the desk's own page, to this machine.
OWN = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
KEY = "s3cret-key"


class Browser(FlaskClient):
    """A client that asks for pages, and keeps its cookies."""

    def open(self, *args, headers=None, **more):  # type: ignore[no-untyped-def]
        given = {"Accept": "text/html", **(headers or {})}
        return super().open(*args, headers=given, **more)


def browser_of(app: Flask) -> Browser:
    """Return a browser that has not been here yet."""
    return Browser(app, app.response_class)


def program_of(app: Flask, key: str = "") -> FlaskClient:
    """Return a program, which asks for no page in particular; with the key, if one is given."""
    client = FlaskClient(app, app.response_class)
    if key:
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    return client


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings, loopback=True)


@pytest.fixture
def browser(app: Flask) -> Browser:
    return browser_of(app)


@pytest.fixture
def locked(project: Path) -> Flask:
    """Return a desk that others can reach, and that wants a key."""
    return create_app(load_settings(desk={"key": KEY, "host": "0.0.0.0"}), loopback=False)
