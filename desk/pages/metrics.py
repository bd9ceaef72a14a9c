"""``/metrics``: what Prometheus is told of runs, by the program that is up all day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from scoring.settings import Settings

if TYPE_CHECKING:
    from scoring.monitoring.exposition import RunCollector


def make_pages(settings: Settings) -> Blueprint:
    """Return the blueprint of one desk's numbers."""
    pages = Blueprint("metrics", __name__)
    made: list[RunCollector] = []

    @pages.get("/metrics")
    def page() -> Response:
        # Prometheus's library is loaded when somebody asks: the desk is up before.
        from scoring.monitoring.exposition import RunCollector, exposition

        if not made:
            made.append(RunCollector(settings))
        body, content_type = exposition(made[0], request.headers.get("Accept", ""))
        return Response(body, content_type=content_type)

    return pages
