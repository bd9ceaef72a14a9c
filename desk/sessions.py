"""Who sits at the desk: one signed cookie holds a browser's number, the name given, the sign-in.

The cookie is Flask's own (itsdangerous): signed, with an expiry, out of reach of scripts, never
sent along from another site.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from datetime import timedelta
from typing import cast

from flask import Flask, current_app, request, session
from flask.sessions import SecureCookieSessionInterface

from scoring.protocol.names import check_person

BROWSER, REVIEWER, SIGNED_IN, KNOWN = "browser", "reviewer", "in", "known"
# A name is given once; browsers keep no cookie for longer.
COOKIE_LASTS = timedelta(days=400)
SIGNED_IN_SECONDS = 12 * 3600
# Whoever is at work is not signed out: a sign-in is drawn out, and not with every request.
DRAWN_OUT_SECONDS = 3600


class SessionCookie(SecureCookieSessionInterface):
    """Flask's cookie, for HTTPS only where the page came over HTTPS."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def register(app: Flask, secret: bytes) -> None:
    """Sign cookies with ``secret``; their name is this desk's own.

    Cookies know no ports: two desks of one machine would take each other's away.
    """
    app.secret_key = secret
    app.config.update(
        SESSION_COOKIE_NAME=f"desk-{hashlib.sha256(secret).hexdigest()[:8]}",
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=COOKIE_LASTS,
    )
    app.session_interface = SessionCookie()


def holder() -> str:
    """Return the number of this browser, which pictures are held for; made at its first visit."""
    if BROWSER not in session:
        session.permanent = True
        session[BROWSER] = secrets.token_urlsafe(12)
    return str(session[BROWSER])


def reviewer() -> str | None:
    """Return the name that whoever sits there has given."""
    name = session.get(REVIEWER)
    return str(name) if name else None


def name_reviewer(given: str) -> None:
    """Keep the name for what is reviewed from now on; raises BadRequest for what is none."""
    name = check_person(given)
    holder()
    session[REVIEWER] = name


def sign_in(key: str) -> None:
    """Note that this browser has shown the key."""
    holder()
    session[KNOWN] = True
    session[SIGNED_IN] = [int(time.time()) + SIGNED_IN_SECONDS, _mark(key)]


def sign_out() -> None:
    """Forget that it has; the name stays."""
    session.pop(SIGNED_IN, None)


def can_sign_out() -> bool:
    """Tell whether there is a sign-in to be forgotten, in force or not."""
    return SIGNED_IN in session


def is_signed_in(key: str) -> bool:
    """Tell whether this browser has shown the key that holds now, and not too long ago."""
    until, mark = session.get(SIGNED_IN) or (0, "")
    left = until - time.time()
    if left <= 0 or not hmac.compare_digest(mark, _mark(key)):
        return False
    if left < SIGNED_IN_SECONDS - DRAWN_OUT_SECONDS:
        sign_in(key)
    return True


def known_browser() -> str | None:
    """Return the number of a browser that was signed in once: it is no stranger."""
    return str(session[BROWSER]) if session.get(KNOWN) else None


def _mark(key: str) -> str:
    """Return what shows that a key was known, without the key: another one signs everybody out."""
    secret = cast(bytes, current_app.secret_key)
    return hmac.new(secret, b"key:" + key.encode(), "sha256").hexdigest()[:32]
