"""Who may ask: the key beyond loopback, the Host header on it, and the session's own client.

A request of this session is signed and needs no key; its answer proves that it comes from here.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from flask import Flask, Response, g, request

from scoring.protocol.errors import BadRequest, SettingsError, Unauthorized
from scoring.protocol.identity import (
    CHALLENGE_HEADER,
    DIGEST_HEADER,
    PROOF_HEADER,
    Headers,
    SessionSecret,
    body_digest,
)
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


def guard(
    app: Flask, settings: ServerSettings, loopback: bool, secret: SessionSecret | None
) -> None:
    """Check every request; the health routes want no key, for whoever watches has none."""
    key = _key(settings)

    @app.before_request
    def _check() -> None:
        g.signed = is_signed(secret, request.method, request.path, request.headers)
        if loopback:
            _check_host(request.host)
        if key and request.path not in HEALTH_ROUTES and not g.signed:
            _check_key(key)

    @app.after_request
    def _prove(response: Response) -> Response:
        if secret and g.signed:
            response.headers.add(
                *proof(secret, request.headers, response.status_code, response.get_data())
            )
        return response


def is_signed(secret: SessionSecret | None, method: str, path: str, headers: Headers) -> bool:
    """Tell whether a request comes from this session; its body is still to be checked."""
    return secret is not None and secret.has_signed(method, path, headers)


def proof(secret: SessionSecret, headers: Headers, status: int, body: bytes) -> tuple[str, str]:
    """Return the header that shows whoever signed a request that its answer comes from here."""
    return PROOF_HEADER, secret.prove(headers.get(CHALLENGE_HEADER, ""), status, body)


def check_signed_body(body: bytes) -> None:
    """Raise Unauthorized where a signed request came with another body than was signed."""
    if g.signed and body_digest(body) != request.headers[DIGEST_HEADER]:
        raise Unauthorized("the body is not the one that was signed")


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
