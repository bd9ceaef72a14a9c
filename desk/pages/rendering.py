"""How pages show things: names on one line, times as the schedule's zone has them, percentages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Flask, request

from desk import sessions
from desk.context import the_desk
from desk.pages.files import file_url
from scoring.records.text import printable

# The pages of the navigation: endpoint → name. Those that are not there yet are left out.
NAVIGATION = {
    "today.page": "Today",
    "review.page": "Review",
    "runs.page": "Runs",
    "pictures.page": "Pictures",
}


def register(app: Flask) -> None:
    """Give the templates their filters, and what the frame around each page shows."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        shown=printable, percent=percent, day=day, clock=clock, count=count
    )
    app.jinja_env.globals.update(file_url=file_url)

    @app.context_processor
    def _frame() -> dict[str, Any]:
        here = (request.endpoint or "").split(".")[0]
        there = [(end, name) for end, name in NAVIGATION.items() if end in app.view_functions]
        return {
            "navigation": [(end, name, end.split(".")[0] == here) for end, name in there],
            "reviewer": sessions.reviewer(),
            "is_signed_in": sessions.can_sign_out(),
        }


def percent(share: float | None) -> str:
    """Return a share between 0 and 1 as ``93.4 %``; a dash where there is none."""
    return "–" if share is None else f"{share * 100:.1f} %"


def day(moment: datetime) -> str:
    """Return ``Wednesday 25 November`` in the schedule's zone; the year where it is another."""
    local = moment.astimezone(the_desk().settings.zone)
    text = f"{local:%A} {local.day} {local:%B}"
    return text if local.year == the_desk().now().year else f"{text} {local.year}"


def clock(moment: datetime) -> str:
    """Return ``18:05`` in the schedule's zone."""
    return f"{moment.astimezone(the_desk().settings.zone):%H:%M}"


def count(number: int, one: str, many: str = "") -> str:
    """Return ``1 picture``, ``2 pictures``, ``12,345 pictures``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
