"""``python -m scheduler status``: what ran, what is running, what is next."""

from __future__ import annotations

import sys
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from scheduler.due_days import Policy, next_due_day
from scoring.processes.locks import instance_holder, run_holder
from scoring.processes.readiness import read_readiness
from scoring.protocol.errors import ExitCode
from scoring.records.ledger import Ledger, Run
from scoring.records.text import printable
from scoring.settings import Settings

RUNS_SHOWN = 10
# Rich folds tables to the terminal; a file or pipe is given room instead.
PLAIN_WIDTH = 160
LOOK_BACK = timedelta(days=7)


def show_status(settings: Settings) -> ExitCode:
    """Write what is known to stdout."""
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    console = Console(width=width, highlight=False, markup=False)
    runs, taken = _read_runs(settings)
    if runs:
        console.print(_table(runs, settings))
    else:
        console.print("No run yet.")
    for line in [*_present(settings), _next_run(settings, taken)]:
        console.print(line)
    return ExitCode.DONE


def _read_runs(settings: Settings) -> tuple[list[Run], list[Run]]:
    """Return the latest runs and the nightly runs of these days; none before the first."""
    if not settings.ledger_file.exists():
        return [], []
    with Ledger.from_settings(settings) as ledger:
        since = (settings.now() - LOOK_BACK).date()
        return ledger.runs(RUNS_SHOWN), list(ledger.nightly_runs(since).values())


def _table(runs: list[Run], settings: Settings) -> Table:
    table = Table("Run", "Kind", "Due", "Started", "Seconds", "State", "Batches", "Reason")
    for run in runs:
        seconds = (run.finished_at - run.started_at).total_seconds() if run.finished_at else None
        table.add_row(
            run.id,
            run.kind,
            run.due_date.isoformat() if run.due_date else "",
            run.started_at.astimezone(settings.zone).strftime("%Y-%m-%d %H:%M"),
            "" if seconds is None or run.state == "missed" else f"{seconds:.1f}",
            run.state,
            printable(", ".join(run.batches)),
            printable(run.reason),
        )
    return table


def _present(settings: Settings) -> list[str]:
    scheduler, run = instance_holder(settings), run_holder(settings)
    answer = read_readiness(settings.server_url)
    if answer is None:
        server = "down"
    elif answer.foreign:
        server = f"{settings.server_url} answers, but is no server of this software"
    else:
        models = ", ".join(f"{model.name} {model.version[:12]}" for model in answer.models)
        state = "ready" if answer.ready else "not ready"
        server = f"{state} at {settings.server_url} (process {answer.pid}; {models})"
    return [
        f"Scheduler: {scheduler or 'not running'}",
        f"Server:    {server}",
        f"Run:       {run or 'none in progress'}",
    ]


def _next_run(settings: Settings, taken: list[Run]) -> str:
    policy = Policy.from_settings(settings)
    days = [run.due_date for run in taken if run.due_date]
    due = next_due_day(settings.now(), policy, days)
    local = due.client_at.astimezone(policy.zone)
    text = f"Next run:  {local:%Y-%m-%d %H:%M} {local.tzname()}"
    if instance_holder(settings) is None:
        text += ", if the scheduler is running then (python -m scheduler)"
    return text
