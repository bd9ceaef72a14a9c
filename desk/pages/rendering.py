"""How pages show things: names on one line, times as the schedule's zone has them, numbers."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

from flask import Flask, request

from desk import sessions
from desk.context import the_desk
from desk.pages.files import file_url
from scoring.monitoring import words
from scoring.monitoring.compiled_templates import CompiledTemplates
from scoring.protocol.commands import command
from scoring.records.text import on_a_page

TEMPLATES = Path(__file__).parent / "templates"
# The pages of the navigation: endpoint → name. Those that are not there yet are left out.
NAVIGATION = {
    "today.page": "Today",
    "review.page": "Review",
    "runs.page": "Runs",
    "pictures.page": "Pictures",
}
# Pages that are part of one of those.
PARTS_OF = {"picture": "pictures", "review_grid": "review"}

NEAR_DAYS = {-1: "yesterday", 0: "today"}


def register(app: Flask) -> None:
    """Give the templates their filters, and what the frame around each page shows."""
    app.jinja_env.bytecode_cache = CompiledTemplates(TEMPLATES)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        shown=on_a_page,
        moment=moment,
        percent=percent,
        count=words.number_of,
        thousands=words.count,
        seconds=seconds,
    )
    app.jinja_env.globals.update(file_url=file_url, command=command)

    @app.context_processor
    def _frame() -> dict[str, Any]:
        here = (request.endpoint or "").split(".")[0]
        here = PARTS_OF.get(here, here)
        there = [(end, name) for end, name in NAVIGATION.items() if end in app.view_functions]
        return {
            "navigation": [(end, name, end.split(".")[0] == here) for end, name in there],
            "batches_folder": str(the_desk().settings.batches_folder),
            "reviewer": sessions.reviewer(),
            "is_signed_in": sessions.can_sign_out(),
        }


def percent(share: float | None) -> str:
    """Return a share of 1 in percent, the number and its sign on one line."""
    return _together(words.percent(share))


def seconds(duration: float | None) -> str:
    """Return a duration, on one line too: ``1.4 s``, ``12 min``."""
    return _together(words.seconds(duration))


def _together(text: str) -> str:
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def local(moment: datetime) -> datetime:
    """Return a moment by the clock of the schedule's zone."""
    return moment.astimezone(the_desk().settings.zone)


def moment(text: str) -> str:
    """Return a time of the ledger as ``today, 18:05`` or ``Wed 25 Nov, 18:05``."""
    at = local(datetime.fromisoformat(text))
    day, today = at.date(), the_desk().now().date()
    near = NEAR_DAYS.get((day - today).days)
    return f"{near or weekday_of(day, today)}, {words.clock(at)}"


def weekday_of(day: date, today: date) -> str:
    """Return ``Wed 25 Nov``, with the year where it is another."""
    text = f"{words.WEEKDAYS[day.weekday()][:3]} {words.short_day(day)}"
    return text if day.year == today.year else f"{text} {day.year}"
