"""``/``: how the last run was, what waits for a person, what comes next."""

from __future__ import annotations

from flask import Blueprint, render_template

pages = Blueprint("today", __name__)


@pages.get("/")
def page() -> str:
    """Return the first page of the morning."""
    return render_template("today.html")
