"""A run's results leave the ledger: Results.csv, and the run's own copy of it.

Whoever calls holds the run lock; ``run_life`` does at the end of a run.
"""

from __future__ import annotations

from pathlib import Path

from scoring.records.atomic_file import copy_atomic
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Ledger, Run
from scoring.records.results_csv import CsvFormat, write_results
from scoring.settings import Settings


def csv_format(settings: Settings) -> CsvFormat:
    """Return the form of every CSV file, as ``results`` in the settings has it."""
    return CsvFormat(settings.results.separator, settings.results.decimal)


def publish_results(
    settings: Settings, ledger: Ledger, events: EventsLog, run: Run, out: Path | None = None
) -> Path | None:
    """Bring what a run shows into Results.csv; return where it went, None: it has nothing to show.

    What other runs have there stays, but for what the run takes the place of. With ``out`` the
    run's own batches go there, and Results.csv stays as it is. Raises OSError where the file
    cannot be written; the next run owes it the batches then.
    """
    if out and not ledger.has_results(run):
        return None
    if not out and not ledger.show_in_results(run):
        return None
    wanted = out or settings.results_file
    rows = (lambda: ledger.result_rows(run.id)) if out else ledger.results_rows
    path = write_results(
        wanted,
        rows,
        csv_format(settings),
        tell=lambda message: events.warning("results-owner", message, run=run.id),
    )
    if out:
        ledger.mark_elsewhere(run.id)
    else:
        ledger.mark_written()
    if path != wanted:
        events.warning("results-beside", f"{wanted.name} is held open; see {path.name}", run=run.id)
    _copy(settings, events, run, path)
    return path


def _copy(settings: Settings, events: EventsLog, run: Run, results: Path) -> None:
    try:
        copy_atomic(results, settings.logs_folder / "runs" / run.id / "Results.csv")
    except OSError as error:
        events.error("copy-failed", f"the run's copy of the results: {error}", run=run.id)
