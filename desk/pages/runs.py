"""``/runs``."""

from __future__ import annotations

from flask import Blueprint, render_template

pages = Blueprint("runs", __name__)


@pages.get("/runs")
def page() -> str:
    """Return the page."""
    return render_template("runs.html")
