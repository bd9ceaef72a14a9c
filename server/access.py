"""Who may ask: the key beyond loopback, and the Host header on it."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from flask import Flask, request

from scoring.protocol.errors import BadRequest, SettingsError, Unauthorized
from scoring.protocol.loopback import is_loopback
from scoring.settings import ServerSettings

HEALTH_ROUTES = frozenset({"/health/live", "/health/ready"})


def require_key_beyond_loopback(settings: ServerSettings, loopback: bool) -> None:
    """Raise SettingsError where anyone on the network could ask without a key."""
    if loopback or settings.allow_anonymous or _key(settings):
        return
    raise SettingsError(
        "a server that others can reach wants a key: set SCORING_SERVER__API_KEY (or server.api_key"
        " in settings.local.toml), or server.allow_anonymous = true if that is what you mean"
    )


def guard(app: Flask, settings: ServerSettings, loopback: bool) -> None:
    """Check every request; the health routes want no key, for whoever watches has none."""
    key = _key(settings)

    @app.before_request
    def _check() -> None:
        if loopback:
            _check_host(request.host)
        if key and request.path not in HEALTH_ROUTES:
            _check_key(key)


def _key(settings: ServerSettings) -> str:
    return settings.api_key.get_secret_value() if settings.api_key else ""


def _check_host(host: str) -> None:
    """A page of another site that resolves its own name to 127.0.0.1 is turned away."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        name = ""
    if not is_loopback(name):
        raise BadRequest("this server answers to 127.0.0.1 and localhost only", code="bad_host")


def _check_key(key: str) -> None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), key.encode()):
        raise Unauthorized("send the server's key as 'Authorization: Bearer …'")
