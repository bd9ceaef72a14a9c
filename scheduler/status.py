"""``python -m scheduler status``: what ran, what is running, what is next.

Looks only: nothing is made and nothing mended. Plain lines, so that nothing is cut to a width.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import tzinfo

from scheduler.ledger_look import ledger_to_read
from scoring.monitoring.alerts.listing import last_alert
from scoring.monitoring.history import Figures
from scoring.processes.locks import Holder, instance_holder, run_holder
from scoring.processes.readiness import read_readiness
from scoring.protocol.commands import command
from scoring.protocol.errors import ExitCode, LedgerError
from scoring.records.at_work import run_at_work
from scoring.records.due_days import Policy
from scoring.records.ledger import Run
from scoring.records.ledger_reader import LedgerReader
from scoring.records.model_switches import switches
from scoring.records.next_run import describe_next_run, read_next_run
from scoring.records.text import on_one_line
from scoring.records.times import read_moment
from scoring.settings import Settings

RUNS_SHOWN = 10
ROW = "{:<20}  {:<18}  {:<16}  {:>7}  {:<11}  {}"
HEADER = ROW.format("Run", "Kind", "Started", "Run [s]", "State", "Batches")
REASON_INDENT = 4
# Of a night that has not ended, which looks into every folder there is.
BATCHES_NAMED = 4


def show_status(settings: Settings) -> ExitCode:
    """Write what is known to stdout."""
    holder = run_holder(settings)
    code = ExitCode.DONE
    try:
        past, coming, told = _read(settings, holder)
    except LedgerError as error:
        code, past, coming = error.exit_code, [f"Ledger:    {error}"], "not known"
        told = "not known"
    lines = [*past, *_present(settings, holder), f"Alerts:    {told}", f"Next run:  {coming}"]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return code


def _read(settings: Settings, holder: Holder | None) -> tuple[list[str], str, str]:
    """Return the latest runs, line by line, what is next and who was told; raises LedgerError."""
    policy = Policy.from_settings(settings)
    with ledger_to_read(settings) as ledger:
        runs = ledger.runs(RUNS_SHOWN) if ledger else []
        advice = {run.id: ledger.advice(run.id).values() for run in runs} if ledger else {}
        figures = {run.id: _figures(ledger, run) for run in runs} if ledger else {}
        told = last_alert(ledger, settings.zone) if ledger else ""
        models = list(_switched(ledger, settings.zone)) if ledger else []
        coming = read_next_run(ledger, policy, settings.now(), worked_on=holder is not None)
    text = describe_next_run(coming, policy)
    if instance_holder(settings) is None:
        text += f", if the scheduler is running then ({command('scheduler')})"
    past = [*_table(runs, advice, figures, holder, settings.zone), *models]
    return past, text, told or _nobody(settings)


def _switched(ledger: LedgerReader, zone: tzinfo) -> Iterator[str]:
    """Yield of each model that was ever retrained, which version serves since when."""
    latest = {switch.model_name: switch for switch in switches(ledger.database)}
    for name, switch in latest.items():
        since = read_moment(switch.at, 0).astimezone(zone).strftime("%Y-%m-%d %H:%M")
        done = "promoted" if switch.action == "promote" else "rolled back to"
        who = on_one_line(switch.who)
        yield (f"Model:     {name} {switch.to_version[:12]} since {since}, {done} by"
               f" {who} in the place of {switch.from_version[:12]}")  # fmt: skip


def _nobody(settings: Settings) -> str:
    """Say why there is no message."""
    return "none so far" if settings.alerts.urls else "nobody is told (alerts.urls is empty)"


def _table(
    runs: list[Run],
    advice: Mapping[str, Iterable[str]],
    figures: Mapping[str, Figures],
    holder: Holder | None,
    zone: tzinfo,
) -> Iterator[str]:
    if not runs:
        yield "No run yet."
        return
    yield HEADER
    at_work = run_at_work(runs, holder.since if holder else None)
    for run in runs:
        state = run.state if run.state != "running" or run is at_work else "interrupted"
        yield ROW.format(
            run.id,
            f"nightly {run.due_date}" if run.due_date else "by hand",
            run.started_at.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
            _seconds(run, figures[run.id].seconds),
            state,
            on_one_line(_batches(figures[run.id])),
        ).rstrip()
        for line in filter(None, (run.reason, *advice.get(run.id, ()))):
            yield " " * REASON_INDENT + on_one_line(line)


def _figures(ledger: LedgerReader, run: Run) -> Figures:
    """Return what a run had images of and how long that took, as reports have it."""
    return Figures(run, tuple(ledger.figures_of(run)))


def _batches(figures: Figures) -> str:
    is_night = figures.run.due_date is not None and figures.run.state == "running"
    most = BATCHES_NAMED if is_night else len(figures.batches)
    more = len(figures.batches) - most
    return ", ".join(figures.batches[:most]) + (f" and {more} more" if more > 0 else "")


def _seconds(run: Run, taken: float | None) -> str:
    """Return how long the run took, at least from its first line in the ledger to its last."""
    if run.finished_at is None or run.state == "missed":
        return ""
    return f"{max((run.finished_at - run.started_at).total_seconds(), taken or 0.0):.1f}"


def _present(settings: Settings, holder: Holder | None) -> list[str]:
    return [
        f"Scheduler: {instance_holder(settings) or 'not running'}",
        f"Server:    {_server(settings)}",
        f"Run:       {holder or 'none in progress'}",
    ]


def _server(settings: Settings) -> str:
    own = settings.schedule.start_server
    url = settings.own_server_url if own else settings.server_url
    answer = read_readiness(url)
    if answer is None:
        return "down"
    if answer.foreign:
        return f"{url} answers, but is no server of this software"
    models = ", ".join(f"{model.name} {model.version[:12]}" for model in answer.models)
    state = "ready" if answer.ready else "not ready"
    return f"{state} at {url} (process {answer.pid}; {models})"
