"""Who may ask: the key beyond loopback, the Host header on it, and the session's own client.

A request of this session is signed and needs no key; its answer proves that it comes from here.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection

from flask import Flask, Response, g, request

from scoring.protocol.errors import BadRequest, Forbidden, SettingsError, Unauthorized
from scoring.protocol.identity import (
    CHALLENGE_HEADER,
    DIGEST_HEADER,
    PROOF_HEADER,
    Headers,
    SessionSecret,
    body_digest,
)
from scoring.protocol.loopback import is_loopback_name
from scoring.settings import ServerSettings
from server.pages.entrance import Entrance


def require_key_beyond_loopback(settings: ServerSettings, loopback: bool) -> None:
    """Raise SettingsError where anyone on the network could ask without a key."""
    if settings.allow_anonymous or _key(settings) or (loopback and not settings.has_proxy):
        return
    raise SettingsError(
        "a server that others can reach wants a key: set SCORING_SERVER__API_KEY (or server.api_key"
        " in settings.local.toml), or server.allow_anonymous = true if that is what you mean"
    )


class Access:
    """The rules of one server. They look at headers only, so that a body need not have come yet."""

    def __init__(
        self,
        settings: ServerSettings,
        open_paths: Collection[str],
        *,
        loopback: bool,
        secret: SessionSecret | None,
    ) -> None:
        """Take the rules; the ``open_paths`` want no key, and the upload page has its own way."""
        self._key = _key(settings)
        self.entrance = Entrance(self._key)
        self.open_paths = open_paths
        # A proxy passes on the name that others know it by.
        self._loopback = loopback and not settings.has_proxy
        self._secret = secret
        self._forwarded_for = settings.forwarded_for

    def check(self, path: str, headers: Headers, protocol: str, *, signed: bool) -> None:
        """Raise BadRequest for another host than this machine, Unauthorized without the key."""
        if self._loopback:
            _check_host(headers.get("Host", ""), protocol)
        is_open = path in self.open_paths or self.entrance.opens(path, headers)
        if self._key and not is_open and not signed:
            self._check_key(headers.get("Authorization", ""))

    def require_known_writer(self) -> None:
        """Raise Forbidden where anybody on the network could write: predicting is all he may."""
        if not self._key and not self._loopback:
            raise Forbidden("this server takes feedback with a key only: set server.api_key")

    def caller(self, address: str, headers: Headers) -> str:
        """Return the address a request came from, past as many proxies as there are."""
        if not self._forwarded_for:
            return address
        hops = [hop.strip() for hop in headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
        return hops[-self._forwarded_for] if len(hops) >= self._forwarded_for else address

    def is_signed(self, method: str, path: str, headers: Headers) -> bool:
        """Tell whether this session's client signed a request; its body is still to be checked."""
        return self._secret is not None and self._secret.has_signed(method, path, headers)

    def proof(self, headers: Headers, status: int, body: bytes) -> dict[str, str]:
        """Return the header that shows whoever signed a request that its answer comes from here."""
        if self._secret is None:
            return {}
        challenge = headers.get(CHALLENGE_HEADER, "")
        return {PROOF_HEADER: self._secret.prove(challenge, status, body)}

    def _check_key(self, authorization: str) -> None:
        scheme, _, given = authorization.partition(" ")
        given = given.strip(" ")
        if scheme.lower() != "bearer" or not given:
            raise Unauthorized("send the server's key as 'Authorization: Bearer …'")
        if not hmac.compare_digest(given.encode(), self._key.encode()):
            raise Unauthorized("the key in 'Authorization: Bearer …' is not this server's")


def guard(app: Flask, access: Access) -> None:
    """Check every request that comes to the application."""

    @app.before_request
    def _check() -> None:
        g.signed = access.is_signed(request.method, request.path, request.headers)
        protocol = request.environ.get("SERVER_PROTOCOL", "")
        access.check(request.path, request.headers, protocol, signed=g.signed)

    @app.after_request
    def _prove(response: Response) -> Response:
        if g.signed:
            response.headers.extend(
                access.proof(request.headers, response.status_code, response.get_data())
            )
        return response


def check_signed_body(body: bytes) -> None:
    """Raise Unauthorized where a signed request came with another body than was signed."""
    if g.signed and body_digest(body) != request.headers[DIGEST_HEADER]:
        raise Unauthorized("the body is not the one that was signed")


def _key(settings: ServerSettings) -> str:
    return settings.api_key.reveal() if settings.api_key else ""


def _check_host(host: str, protocol: str) -> None:
    """A page of another site that resolves its own name to 127.0.0.1 is turned away.

    A program that speaks HTTP/1.0, as some health checks do, need not name a host; no browser does.
    """
    if not host and protocol != "HTTP/1.1":
        return
    if not is_loopback_name(host):
        raise BadRequest(
            "this server answers to 127.0.0.1 and localhost only; behind a proxy it wants"
            " server.forwarded_host = 1",
            code="bad_host",
        )
