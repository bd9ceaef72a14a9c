"""``/pictures``."""

from __future__ import annotations

from flask import Blueprint, render_template

pages = Blueprint("pictures", __name__)


@pages.get("/pictures")
def page() -> str:
    """Return the page."""
    return render_template("pictures.html")
