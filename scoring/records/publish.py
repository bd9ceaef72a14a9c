"""Results leave the ledger: Results.csv, and each run's own copy of it.

Whoever calls holds the run lock: ``run_life`` does at the end of a run, the desk when people have
decided something since.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from scoring.records import shown_file
from scoring.records.atomic_file import copy_atomic
from scoring.records.events_log import EventsLog
from scoring.records.labels import Labels
from scoring.records.ledger import Ledger, Run
from scoring.records.results_file import ResultsFile
from scoring.records.typed_changes import OWN
from scoring.settings import Settings

# Nothing tells the two apart on Windows, and on a share neither.
HELD = (
    "could not be read or replaced: another program has it open, it is write-protected, or it is"
    " another user's"
)

Sleep = Callable[[float], None]


def publish_results(
    settings: Settings,
    ledger: Ledger,
    events: EventsLog,
    run: Run,
    out: Path | None = None,
    sleep: Sleep = time.sleep,
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
    results = ResultsFile(settings, ledger, events, sleep, run.id)
    if out:
        path = results.write_own(out, run.id)
        ledger.mark_elsewhere(run.id)
    else:
        path = results.write_or_beside()
        ledger.mark_written()
    wanted = out or settings.results_file
    if path != wanted:
        text = f"{wanted.name} {HELD}; see {path.name}"
        events.warning("results-beside", text, run=run.id)
    _copy(settings, events, run, path)
    return path


def export_results(
    settings: Settings, ledger: Ledger, events: EventsLog, sleep: Sleep = time.sleep
) -> bool:
    """Bring Results.csv up to what people said since; return whether it was written anew.

    It is not where it shows all of it: then whoever has it open is left alone. Raises ResultsHeld
    where another program has it open, OSError for other trouble with the file.
    """
    if not ledger.results_batches():
        return False
    results = ResultsFile(settings, ledger, events, sleep)
    older = results.take_typed()
    if not older and not is_owed(ledger):
        return False
    results.write()
    ledger.mark_written()
    return True


def is_owed(ledger: Ledger) -> bool:
    """Tell whether Results.csv lacks what somebody decided elsewhere, or what a run brought."""
    shown = shown_file.find(ledger) or shown_file.ShownFile()
    if shown.batches and shown.batches != ledger.results_batches():
        return True
    return Labels(ledger).has_others_since(shown.reviews, OWN)


def _copy(settings: Settings, events: EventsLog, run: Run, results: Path) -> None:
    try:
        copy_atomic(results, settings.logs_folder / "runs" / run.id / "Results.csv")
    except OSError as error:
        events.error("copy-failed", f"the run's copy of the results: {error}", run=run.id)
