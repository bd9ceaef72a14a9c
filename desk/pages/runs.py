"""``/runs``: what ran, newest first, each with its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, render_template, request
from msgspec import Struct

from desk.context import the_desk, the_ledger
from desk.pages.rendering import local, weekday_of
from desk.reports import read_report
from scoring.monitoring import words
from scoring.processes.locks import run_holder
from scoring.records import model_switches
from scoring.records.at_work import run_at_work
from scoring.records.ledger import Run
from scoring.records.times import read_moment

if TYPE_CHECKING:
    from scoring.monitoring.history import Figures

RUNS_SHOWN, SWITCHES_SHOWN = 30, 20
# What a person should know of is told apart from what is as it should be.
CALM_STATES = frozenset({"done", "running"})
BATCHES_NAMED = 4
LONGEST_NAME = 30
LONGEST_REASON = 240
# The report has its style and its pictures within itself, and no script.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'; sandbox allow-top-navigation-by-user-activation"
)

pages = Blueprint("runs", __name__)


class RunRow(Struct, frozen=True):
    """One run as the table shows it; ``has_figures``: it has ended, and was not missed.

    ``beside``: how it began and what it had pictures of, else why it had none.
    """

    run: Run
    name: str
    state: str
    is_calm: bool
    beside: str
    figures: Figures

    @property
    def has_figures(self) -> bool:
        return self.run.state not in ("running", "missed")

    @property
    def has_report(self) -> bool:
        return self.run.state != "running"


class SwitchRow(Struct, frozen=True):
    """One version of a model in the place of another; ``is_back``: it had served before."""

    when: str
    what: str
    before: str
    is_back: bool
    who: str


@pages.get("/runs")
def page() -> str:
    """Return a page of runs; ``before`` is the last run of the page before it."""
    before = request.args.get("before")
    rows = run_rows(before, RUNS_SHOWN + 1)
    more = len(rows) > RUNS_SHOWN
    shown = rows[:RUNS_SHOWN]
    served = _switches() if shown and not before else []
    return render_template("runs.html", rows=shown, before=before, more=more, switches=served)


@pages.get("/runs/<run_id>/report")
def report(run_id: str) -> Response:
    """Return the report of a run, made anew where its file is gone."""
    run = the_ledger().run(run_id)
    if run is None or run.state == "running":
        abort(404)
    content = read_report(the_desk().settings, run)
    return Response(
        content,
        content_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": REPORT_POLICY},
    )


def run_rows(before: str | None, limit: int) -> list[RunRow]:
    """Return the latest runs, or those before one; raises LedgerError."""
    from scoring.monitoring.history import Figures

    ledger = the_ledger()
    runs = ledger.runs_before(before, limit) if before else ledger.runs(limit)
    holder = run_holder(the_desk().settings)
    at_work = run_at_work(ledger.running(), holder.since if holder else None)
    return [
        RunRow(
            run=run,
            name=name_of(run),
            state=_state(run, at_work),
            is_calm=run.state in CALM_STATES and _state(run, at_work) != "interrupted",
            beside=_beside(figures),
            figures=figures,
        )
        for run in runs
        for figures in (Figures(run, tuple(ledger.figures_of(run))),)
    ]


def _beside(figures: Figures) -> str:
    run = figures.run
    batches = [words.cut(name, LONGEST_NAME) for name in figures.batches]
    # Why a missed one had none stands in the place of its figures.
    why = "" if batches or run.state == "missed" else words.cut(run.reason, LONGEST_REASON)
    parts = ("" if run.due_date else "by hand", words.listed(batches, BATCHES_NAMED), why)
    return " · ".join(filter(None, parts))


def _switches() -> list[SwitchRow]:
    """Return which version of a model took another's place, newest first."""
    found = model_switches.switches(the_ledger().database)[::-1][:SWITCHES_SHOWN]
    today = the_desk().now().date()
    return [
        SwitchRow(
            when=weekday_of(local(read_moment(one.at, 0)).date(), today),
            what=f"{one.model_name} {one.to_version[:12]}",
            before=one.from_version[:12],
            is_back=one.action == "rollback",
            who=one.who,
        )
        for one in found
    ]


def name_of(run: Run) -> str:
    """Return what people call a run: the day it was due, or when somebody started it."""
    today = the_desk().now().date()
    if run.due_date:
        return weekday_of(run.due_date, today)
    started = local(run.started_at)
    return f"{weekday_of(started.date(), today)}, {words.clock(started)}"


def _state(run: Run, at_work: Run | None) -> str:
    is_interrupted = run.state == "running" and (at_work is None or at_work.id != run.id)
    return "interrupted" if is_interrupted else run.state
