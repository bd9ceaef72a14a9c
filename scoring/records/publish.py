"""A run's results leave the ledger: Results.csv, and the run's own copy of it.

Whoever calls holds the run lock. The client publishes at the end of its run, the scheduler for a
client that can no longer do it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from scoring.records.atomic_file import copy_atomic
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Ledger, Run, State
from scoring.records.results_csv import CsvFormat, write_results
from scoring.settings import Settings


def csv_format(settings: Settings) -> CsvFormat:
    """Return the form of every CSV file, as ``results`` in the settings has it."""
    return CsvFormat(settings.results.separator, settings.results.decimal)


def publish_results(settings: Settings, ledger: Ledger, events: EventsLog, run: Run) -> Path | None:
    """Write what a run shows; return where, None where it has nothing to show.

    Raises OSError where Results.csv cannot be written; the next run owes it the batches then.
    """
    shown, waiting = ledger.count_images(run.id)
    if (run.scope == "new" and not shown) or (shown and shown == waiting):
        return None
    path = write_results(
        settings.results_file, lambda: ledger.result_rows(run.id), csv_format(settings)
    )
    ledger.mark_written(run.id)
    if path != settings.results_file:
        events.warning("results-beside", f"Results.csv is held open; see {path.name}", run=run.id)
    _copy(settings, events, run, path)
    return path


def end_run(
    settings: Settings,
    ledger: Ledger,
    events: EventsLog,
    run: Run,
    state: State,
    reason: str,
    process_seconds: Callable[[Sequence[str]], Mapping[str, float]] = lambda _: {},
) -> tuple[State, str, Path | None]:
    """Publish what a run shows, then write its figures and its end; return how it ended.

    In this order: a kill in between leaves the run open, and the next start does it again. A
    Results.csv that cannot be written makes the run a failed one. ``process_seconds`` is asked
    once the results are in place, for the seconds of each of the batches.
    """
    results: Path | None = None
    try:
        results = publish_results(settings, ledger, events, run)
    except OSError as error:
        state = "failed"
        reason = f"{reason}; " * bool(reason) + f"Results.csv could not be written: {error}"
    batches = ledger.touched_batches(run.id)
    seconds = process_seconds(batches)
    for batch in batches:
        ledger.close_batch(run.id, batch, seconds.get(batch))
    ledger.finish_run(run.id, state, reason, settings.now())
    return state, reason, results


def _copy(settings: Settings, events: EventsLog, run: Run, results: Path) -> None:
    try:
        copy_atomic(results, settings.logs_folder / "runs" / run.id / "Results.csv")
    except OSError as error:
        events.error("copy-failed", f"the run's copy of the results: {error}", run=run.id)
