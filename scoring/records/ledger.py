"""The ledger: what was due, what ran, what every image was found to be.

One chunk's predictions are one transaction. ``database`` knows the file, ``rows`` the values that
go in and out, ``ledger_reader`` the look-ups; ``results_shown``, ``pruning`` and ``model_facts`` do
what is asked of this class there. What has a module of its own works on ``ledger.database``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from scoring.protocol.file_names import as_utf8
from scoring.records import audit, batch_figures, model_facts, results_shown
from scoring.records.ledger_reader import LedgerReader
from scoring.records.many_rows import ManyRows
from scoring.records.pruning import StillThere, prune
from scoring.records.row_columns import WRITE_PREDICTION, prediction_row
from scoring.records.rows import (
    BatchFigures,
    ChunkCost,
    Kind,
    Model,
    ResultRow,
    Run,
    RunSummary,
    Scope,
    ScoredImage,
    State,
)
from scoring.records.times import utc_offset, utc_text

__all__ = [
    "FIRST_START",
    "BatchFigures",
    "ChunkCost",
    "Kind",
    "Ledger",
    "Model",
    "ResultRow",
    "Run",
    "RunSummary",
    "Scope",
    "ScoredImage",
    "State",
]

# The fact that names the runs whose end has not been told, as far as the ledger knows.
ENDS_TO_TELL = "ends_to_tell"
MUST_BE_TOLD = (
    "INSERT INTO facts VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = value || ' ' || excluded.value"
)
# The fact that says since when runs are due.
FIRST_START = "first_start"

NEW_RUN = (
    "INSERT INTO runs (id, kind, due_date, scope, batches, state, reason, model_name,"
    " model_version, started_at, finished_at, utc_offset, settings)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
LIST_IMAGES = ManyRows("INSERT INTO run_images (run_id, batch, num, path) VALUES ", 4)
# The images are listed already. CROSS JOIN: SQLite looks up the prediction of each value.
SHOW_PREDICTION = ManyRows(
    "INSERT INTO run_images"
    " WITH shown (run_id, batch, num, path, content_hash, model_version) AS (VALUES ",
    6,
    """)
SELECT s.run_id, s.batch, s.num, s.path, p.id
FROM shown s CROSS JOIN predictions p ON p.batch = s.batch AND p.path = s.path
    AND p.content_hash = s.content_hash AND p.model_version = s.model_version WHERE true
ON CONFLICT (run_id, batch, num) DO UPDATE SET prediction_id = excluded.prediction_id
""",
)
ADD_COST = """
UPDATE run_batches SET prediction_seconds = prediction_seconds + ?,
    payload_bytes = payload_bytes + ?, retries = retries + ?
WHERE run_id = ? AND batch = ?
"""
SET_RUN_MODEL = """
UPDATE run_batches SET (model_name, model_version) =
    (SELECT model_name, model_version FROM runs WHERE id = run_id)
WHERE run_id = ? AND batch = ?
"""
SET_MODEL = (
    "UPDATE run_batches SET model_name = ?, model_version = ? WHERE run_id = ? AND batch = ?"
)
# Of a batch that has images, and none that it had before, only the name is the same.
NEW_BATCH = """
DELETE FROM image_numbers WHERE batch = ?1
AND EXISTS (SELECT 1 FROM run_images WHERE run_id = ?2 AND batch = ?1)
AND NOT EXISTS (SELECT 1 FROM run_images i JOIN image_numbers n
    ON n.batch = i.batch AND n.path = i.path WHERE i.run_id = ?2 AND i.batch = ?1)
"""
NEW_NUMBERS = """
INSERT INTO image_numbers SELECT i.batch, i.path, row_number() OVER (ORDER BY i.num)
    + (SELECT coalesce(max(number), 0) FROM image_numbers WHERE batch = ?2)
FROM run_images i LEFT JOIN image_numbers n ON n.batch = i.batch AND n.path = i.path
WHERE i.run_id = ?1 AND i.batch = ?2 AND n.number IS NULL
"""


class Ledger(LedgerReader):
    """The one store of runs and predictions: a reader that writes, too."""

    def open_reader(self) -> LedgerReader:
        """Return a second connection, for look-ups from other threads (one at a time)."""
        return LedgerReader(self.path, self.database.busy_seconds, shared=True, create=False)

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy, checked and whole or not at all, while others go on writing.

        Raises LedgerDamaged where the copy does not pass SQLite's own check.
        """
        self.database.copy_to(target)

    # Runs

    def start_run(self, run: Run) -> None:
        """Write down a run; a nightly run takes its due date, which can be taken once."""
        self.start_runs([run])

    def start_runs(self, runs: Sequence[Run]) -> None:
        """Write down runs, all of them or none."""
        ended = " ".join(run.id for run in runs if run.state != "running")
        with self.database.transaction() as connection:
            connection.executemany(NEW_RUN, map(_run_row, runs))
            if ended:
                connection.execute(MUST_BE_TOLD, (ENDS_TO_TELL, ended))

    def take_over_run(self, run_id: str, model_name: str, model_version: str) -> None:
        """Let a run that was interrupted go on with the model that serves now."""
        with self.database.transaction() as connection:
            connection.execute(
                "UPDATE runs SET model_name = ?, model_version = ? WHERE id = ?",
                (model_name, model_version, run_id),
            )

    def finish_run(
        self,
        run_id: str,
        state: State,
        reason: str,
        finished_at: datetime,
        audit_size: int = 0,
    ) -> None:
        """Close a run, with its audit sample; a run that is closed stays as it is."""
        sample = audit.draw(self.database, run_id, audit_size)
        with self.database.transaction() as connection:
            closed = connection.execute(
                "UPDATE runs SET state = ?, reason = ?, finished_at = ?"
                " WHERE id = ? AND state = 'running'",
                (state, as_utf8(reason), utc_text(finished_at), run_id),
            )
            if closed.rowcount:
                audit.write(connection, run_id, sample)
                connection.execute(MUST_BE_TOLD, (ENDS_TO_TELL, run_id))

    def ends_to_tell(self) -> list[Run]:
        """Return the runs whose end is written here, and of which nobody may have heard yet."""
        ids = (self.fact(ENDS_TO_TELL) or "").split()
        return [run for run in map(self.run, ids) if run]

    def ends_are_told(self) -> None:
        """Write down that everybody has heard of every end."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM facts WHERE name = ?", (ENDS_TO_TELL,))

    def forget_missed(self, due_dates: Iterable[date]) -> None:
        """Take back missed days: a clock that was wrong had written them down before they came."""
        with self.database.transaction() as connection:
            connection.executemany(
                "DELETE FROM runs WHERE due_date = ? AND state = 'missed'",
                ((day.isoformat(),) for day in due_dates),
            )

    def prune(self, before: datetime, still_there: StillThere) -> int:
        """Forget runs that ended before a time, as ``pruning`` says; return how many."""
        return prune(self.database, before, still_there)

    # Facts: single values that outlive a process

    def set_fact(self, name: str, value: str) -> None:
        """Write a value down, in the place of the one there was."""
        with self.database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def keep_model_facts(self, version: str, name: str, facts: Mapping[str, Any]) -> None:
        """Write down what is to be known of a model when it is not at hand."""
        model_facts.keep(self.database, version, name, facts)

    # Images and predictions

    def touch_batch(
        self,
        run_id: str,
        batch: str,
        position: int,
        paths: Iterable[str],
        model: Model | None = None,
    ) -> None:
        """List the images of a batch that a run shows, in order; none has a prediction yet.

        ``model`` scores this batch; None: the run's own.
        """
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO run_batches (run_id, batch, position) VALUES (?, ?, ?)",
                (run_id, batch, position),
            )
            connection.execute(SET_RUN_MODEL, (run_id, batch))
            if model:
                connection.execute(SET_MODEL, (model.name, model.version, run_id, batch))
            connection.execute(
                "DELETE FROM run_images WHERE run_id = ? AND batch = ?", (run_id, batch)
            )
            images = ((run_id, batch, num, path) for num, path in enumerate(paths, start=1))
            LIST_IMAGES.write(connection, images)
            connection.execute(NEW_BATCH, (batch, run_id))
            connection.execute(NEW_NUMBERS, (run_id, batch))

    def show_known(self, run_id: str, batch: str, known: Iterable[tuple[int, int]]) -> None:
        """Show stored predictions for images of a touched batch: (num, prediction id) pairs."""
        with self.database.transaction() as connection:
            connection.executemany(
                "UPDATE run_images SET prediction_id = ?"
                " WHERE run_id = ? AND batch = ? AND num = ?",
                ((prediction_id, run_id, batch, num) for num, prediction_id in known),
            )

    def commit_chunk(
        self,
        run_id: str,
        batch: str,
        model_version: str,
        images: Sequence[ScoredImage],
        cost: ChunkCost,
        now: datetime,
    ) -> None:
        """Write a chunk's predictions, what they cost and where they are shown, or nothing."""
        time = utc_text(now)
        predictions = (
            prediction_row(run_id, batch, model_version, image, time) for image in images
        )
        shown = (
            (run_id, batch, image.num, image.path, image.content_hash, model_version)
            for image in images
        )
        costs = (cost.prediction_seconds, cost.payload_bytes, cost.retries)
        with self.database.transaction() as connection:
            WRITE_PREDICTION.write(connection, predictions)
            SHOW_PREDICTION.write(connection, shown)
            connection.execute(ADD_COST, (*costs, run_id, batch))

    def advise(self, run_id: str, batch: str, advice: str) -> None:
        """Write down what is to be thought of after a run showed a batch, in one line."""
        with self.database.transaction() as connection:
            connection.execute(
                "UPDATE run_batches SET advice = ? WHERE run_id = ? AND batch = ?",
                (as_utf8(advice), run_id, batch),
            )

    # Results.csv, as ``results_shown`` says

    def show_in_results(self, run: Run) -> bool:
        """Make what a run shows part of what Results.csv is to show; False: it has nothing."""
        return results_shown.show_run(self.database, run)

    def has_results(self, run: Run) -> bool:
        """Tell whether a run has something to show."""
        return results_shown.has_results(self.database, run)

    def mark_written(self) -> None:
        """Note that Results.csv shows what it is to show."""
        results_shown.mark_written(self.database)

    def mark_elsewhere(self, run_id: str) -> None:
        """Note that a run's results went to a file of their own."""
        results_shown.mark_elsewhere(self.database, run_id)

    # Figures

    def close_batch(self, run_id: str, batch: str, process_seconds: float | None) -> None:
        """Write a batch's figures: later runs may replace the predictions they come from.

        ``process_seconds`` is None where nobody was there to take the time.
        """
        batch_figures.close_batch(self.database, run_id, batch, process_seconds)


def _run_row(run: Run) -> tuple[Any, ...]:
    """Return a run as ``NEW_RUN`` takes it."""
    return (
        run.id,
        run.kind,
        run.due_date.isoformat() if run.due_date else None,
        run.scope,
        json.dumps(run.batches),
        run.state,
        as_utf8(run.reason),
        run.model_name,
        run.model_version,
        utc_text(run.started_at),
        utc_text(run.finished_at) if run.finished_at else None,
        utc_offset(run.started_at),
        run.settings,
    )
