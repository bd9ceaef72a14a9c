"""Who may see the desk and write to it: by the host it is called, a write's sender, the key."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from flask import Flask, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from desk import sessions
from scoring.protocol.errors import Forbidden, SettingsError, TooManyTries, Unauthorized
from scoring.protocol.loopback import is_loopback_name
from scoring.protocol.same_origin import sender
from scoring.protocol.throttle import Throttle
from scoring.settings import DeskSettings

READING = frozenset({"GET", "HEAD", "OPTIONS"})
# What a browser needs to show the sign-in page and to use it.
OPEN = frozenset({"sign_in.page", "sign_in.enter", "files.file"})


def require_key_beyond_loopback(settings: DeskSettings, loopback: bool) -> None:
    """Raise SettingsError where anyone on the network could look without a key."""
    if key_of(settings) or (loopback and not settings.has_proxy):
        return
    raise SettingsError(
        "a desk that others can reach wants a key: set SCORING_DESK__KEY (or desk.key in"
        " settings.local.toml)"
    )


def key_of(settings: DeskSettings) -> str:
    """Return the key that opens the desk; empty where none is asked for."""
    return settings.key.reveal() if settings.key else ""


def wants_page() -> bool:
    """Tell whether a browser asks for a page to show; else a script or a program asks."""
    return "text/html" in request.headers.get("Accept", "")


class Access:
    """The rules of one desk; ``loopback``: only this machine can reach it."""

    def __init__(self, key: str, *, loopback: bool, throttle: Throttle | None = None) -> None:
        self.key = key
        self._loopback = loopback
        self._throttle = throttle or Throttle()

    def guard(self, app: Flask) -> None:
        """Check every request before any page sees it."""
        app.before_request(self._check)

    def try_key(self, given: str) -> bool:
        """Tell whether it is the key; raises TooManyTries where wrong ones came too fast."""
        browser = sessions.known_browser()
        caller, known = browser or request.remote_addr or "", browser is not None
        wait = self._throttle.take(caller, known=known)
        if wait:
            raise TooManyTries(wait)
        if not is_key(given, self.key):
            return False
        self._throttle.give_back(caller, known=known)
        return True

    def _check(self) -> ResponseReturnValue | None:
        """Return None for a request that may go on, or what is answered in its place.

        Raises Forbidden for another host and for what another site sends, Unauthorized and
        TooManyTries where a key is wanted and a program asks.
        """
        self._check_host()
        with_key = self._has_bearer()
        if request.method not in READING:
            _check_sender(with_key)
        if not self.key or with_key or request.endpoint in OPEN:
            return None
        return None if sessions.is_signed_in(self.key) else _ask_for_key()

    def _check_host(self) -> None:
        """A page of another site that resolves its own name to this machine is turned away.

        Any port will do: at the other end of a tunnel it is another one.
        """
        if self._loopback and not is_loopback_name(request.headers.get("Host", "")):
            raise Forbidden("this desk answers to 127.0.0.1 and localhost only", code="bad_host")

    def _has_bearer(self) -> bool:
        """Tell whether the key came with the request; raises Unauthorized for a wrong one."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if not self.key or scheme.lower() != "bearer":
            return False
        if not self.try_key(given):
            raise Unauthorized("that is not the desk's key")
        return True


def is_key(given: str, key: str) -> bool:
    """Tell whether it is the key, in a time that says nothing of it; there is no empty key."""
    return hmac.compare_digest(given.encode(), key.encode()) and bool(key)


def _check_sender(with_key: bool) -> None:
    found = sender(request.headers, request.scheme)
    if found == "foreign" or (found == "unknown" and not with_key):
        raise Forbidden(
            "only the desk's own pages may write, or a program that sends the key as"
            " 'Authorization: Bearer …'"
        )


def _ask_for_key() -> ResponseReturnValue:
    if not wants_page():
        raise Unauthorized("sign in, or send the desk's key as 'Authorization: Bearer …'")
    if request.method == "GET" and request.headers.get("Sec-Fetch-Site") == "cross-site":
        # A link in a mail: the cookie comes along only when this site itself asks for the page.
        return render_template("again.html")
    return sent_to("sign_in.page")


def sent_to(asks: str) -> ResponseReturnValue:
    """Send a browser to the page that asks for what is missing, and from there to where it was.

    What a form had is not kept: that it was not saved is told there.
    """
    writes = request.method not in READING
    # Behind a proxy the desk may lie below a folder of its own.
    here = f"{request.script_root}{request.full_path}".rstrip("?")
    wanted = _page_behind() if writes else here
    return redirect(url_for(asks, next=wanted, unsaved="1" if writes else None), 303)


def _page_behind() -> str | None:
    """Return the page of this desk that a form was on: what takes a form may show nothing."""
    page = urlsplit(request.headers.get("Referer", ""))
    if page.netloc != request.host:
        return None
    return f"{page.path}?{page.query}" if page.query else page.path
