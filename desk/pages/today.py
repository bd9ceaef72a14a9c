"""``/``: how the last run was, what waits for a person, what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template
from msgspec import Struct
from msgspec.structs import replace

from desk.coming import what_comes
from desk.context import the_desk, the_ledger
from desk.pages.rendering import local
from desk.pages.runs import RunRow, run_rows
from desk.waits import what_waits
from scoring.protocol.errors import LedgerMissing
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Run

if TYPE_CHECKING:
    from scoring.monitoring.facts import RunFacts
    from scoring.monitoring.verdict import Verdict

RUNS_SHOWN = 7

pages = Blueprint("today", __name__)


class Last(Struct, frozen=True):
    """The run that ended last, in the words of its report; ``right`` has a line for each model."""

    run: Run
    when: str
    verdict: Verdict
    right: list[str]


@pages.get("/")
def page() -> str:
    """Return the first page of the morning."""
    try:
        ledger = the_ledger()
    except LedgerMissing:
        return render_template("today.html", last=None, waits=None, coming=what_comes(None))
    rows = run_rows(None, RUNS_SHOWN)
    return render_template(
        "today.html",
        last=_last(rows),
        waits=what_waits(ledger),
        coming=what_comes(ledger),
        rows=rows,
    )


def _last(rows: list[RunRow]) -> Last | None:
    run = next((row.run for row in rows if row.has_report), None)
    if run is None:
        return None
    from scoring.monitoring import views
    from scoring.monitoring.report import facts_of
    from scoring.monitoring.trust_views import in_one_line
    from scoring.monitoring.verdict import judge_run

    facts = facts_of(the_ledger(), run, EventsLog.from_settings(the_desk().settings))
    facts = replace(facts, run=_by_our_clock(facts.run))
    several = len(facts.models) > 1
    right = [
        in_one_line(one.trust, one.name if several else "") for one in facts.models if one.trust
    ]
    return Last(run, views.when(facts), judge_run(facts), right)


def _by_our_clock(run: RunFacts) -> RunFacts:
    """Return a run with its times as all others stand on this page: the zone may have changed."""
    finished = run.finished_at and local(run.finished_at)
    return replace(run, started_at=local(run.started_at), finished_at=finished)
