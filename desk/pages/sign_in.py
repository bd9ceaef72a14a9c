"""``/sign-in``: the key, where one is set; ``/who``: the name that stands with what is reviewed."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from desk import sessions
from desk.access import Access
from scoring.protocol.errors import BadRequest, TooManyTries


def make_pages(access: Access) -> Blueprint:
    """Return the pages that let somebody in and say who it is."""
    pages = Blueprint("sign_in", __name__)

    @pages.get("/sign-in")
    def page() -> ResponseReturnValue:
        return render_template("sign_in.html") if access.key else _go_on()

    @pages.post("/sign-in")
    def enter() -> ResponseReturnValue:
        try:
            right = access.try_key(request.form.get("key", ""))
        except TooManyTries as error:
            told = f"Too many wrong keys. Try again in {error.retry_after} seconds."
            headers = {"Retry-After": str(error.retry_after)}
            return render_template("sign_in.html", told=told), error.status, headers
        if not right:
            return render_template("sign_in.html", told="That is not the key."), 403
        sessions.sign_in(access.key)
        return _go_on()

    @pages.post("/sign-out")
    def leave() -> ResponseReturnValue:
        sessions.sign_out()
        return redirect(url_for("sign_in.page" if access.key else "today.page"), 303)

    @pages.get("/who")
    def who() -> str:
        return render_template("who.html")

    @pages.post("/who")
    def name() -> ResponseReturnValue:
        given = request.form.get("name", "")
        try:
            sessions.name_reviewer(given)
        except BadRequest as error:
            return render_template("who.html", told=error.message, given=given), 400
        return _go_on()

    return pages


def _go_on() -> ResponseReturnValue:
    """Send the browser where it wanted to be, and nowhere outside this desk."""
    return redirect(_own_path(request.values.get("next", "")) or url_for("today.page"), 303)


def _own_path(wanted: str) -> str | None:
    """Return a path of this desk; None for what a browser may take for another host."""
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return None
    is_own = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_own and not parts.netloc and wanted.isprintable() else None
