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
    """Write what a run shows; return where, None where it has nothing to show.

    Raises OSError where Results.csv cannot be written; the next run owes it the batches then.
    """
    shown, waiting = ledger.count_images(run.id)
    if (run.scope == "new" and not shown) or (shown and shown == waiting):
        return None
    wanted = out or settings.results_file
    path = write_results(wanted, lambda: ledger.result_rows(run.id), csv_format(settings))
    ledger.mark_written(run.id)
    if path != wanted:
        events.warning("results-beside", f"Results.csv is held open; see {path.name}", run=run.id)
    _copy(settings, events, run, path)
    return path


def _copy(settings: Settings, events: EventsLog, run: Run, results: Path) -> None:
    try:
        copy_atomic(results, settings.logs_folder / "runs" / run.id / "Results.csv")
    except OSError as error:
        events.error("copy-failed", f"the run's copy of the results: {error}", run=run.id)
