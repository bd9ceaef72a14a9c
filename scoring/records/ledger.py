"""The ledger: what was due, what ran, what every image was found to be.

One chunk's predictions are one transaction. ``database`` knows the file, ``rows`` the values that
go in and out, ``ledger_reader`` the look-ups.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from pathlib import Path

from scoring.records.ledger_reader import LedgerReader
from scoring.records.rows import (
    BatchFigures,
    ChunkCost,
    Kind,
    ResultRow,
    Run,
    RunSummary,
    Scope,
    ScoredImage,
    State,
)

__all__ = [
    "FIRST_START",
    "BatchFigures",
    "ChunkCost",
    "Kind",
    "Ledger",
    "ResultRow",
    "Run",
    "RunSummary",
    "Scope",
    "ScoredImage",
    "State",
]

# The fact that says since when runs are due.
FIRST_START = "first_start"

WRITE_PREDICTION = """
INSERT INTO predictions (batch, path, content_hash, model_version, run_id, label, confidence,
    review, error, scored_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (batch, path, content_hash, model_version) DO UPDATE SET run_id = excluded.run_id,
    label = excluded.label, confidence = excluded.confidence, review = excluded.review,
    error = excluded.error, scored_at = excluded.scored_at
"""
SHOW_PREDICTION = """
UPDATE run_images SET prediction_id = (SELECT id FROM predictions WHERE batch = ?2 AND path = ?4
    AND content_hash = ?5 AND model_version = ?6)
WHERE run_id = ?1 AND batch = ?2 AND num = ?3
"""
ADD_COST = """
UPDATE run_batches SET prediction_seconds = prediction_seconds + ?,
    payload_bytes = payload_bytes + ?, retries = retries + ?
WHERE run_id = ? AND batch = ?
"""


class Ledger(LedgerReader):
    """The one store of runs and predictions: a reader that writes, too."""

    def open_reader(self) -> LedgerReader:
        """Return a second connection, for look-ups from other threads (one at a time)."""
        return LedgerReader(self.path, self._database.busy_seconds, shared=True)

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy, checked and whole or not at all, while others go on writing.

        Raises LedgerDamaged where the copy does not pass SQLite's own check.
        """
        self._database.copy_to(target)

    # Runs

    def start_run(self, run: Run) -> None:
        """Write down a run; a nightly run takes its due date, which can be taken once."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run.id,
                    run.kind,
                    run.due_date.isoformat() if run.due_date else None,
                    run.scope,
                    json.dumps(run.batches),
                    run.state,
                    run.reason,
                    run.model_name,
                    run.model_version,
                    run.started_at.isoformat(),
                    run.finished_at.isoformat() if run.finished_at else None,
                ),
            )

    def take_over_run(self, run_id: str, model_name: str, model_version: str) -> None:
        """Let a run that was interrupted go on with the model that serves now."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE runs SET model_name = ?, model_version = ? WHERE id = ?",
                (model_name, model_version, run_id),
            )

    def finish_run(self, run_id: str, state: State, reason: str, finished_at: datetime) -> None:
        """Close a run; a run that is closed stays as it is."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE runs SET state = ?, reason = ?, finished_at = ?"
                " WHERE id = ? AND state = 'running'",
                (state, reason, finished_at.isoformat(), run_id),
            )

    def forget_missed(self, due_dates: Iterable[date]) -> None:
        """Take back missed days: a clock that was wrong had written them down before they came."""
        with self._database.transaction() as connection:
            connection.executemany(
                "DELETE FROM runs WHERE due_date = ? AND state = 'missed'",
                ((day.isoformat(),) for day in due_dates),
            )

    def prune(self, before: datetime, still_there: Callable[[str, str], bool]) -> int:
        """Forget runs that ended before a time; return how many.

        The latest run and the latest due day stay whatever their age. A prediction goes with the
        runs that show it, unless ``still_there(batch, path)``: a file that is still in its folder
        must not be taken for a new one.
        """
        limit = before.isoformat()
        with self._database.transaction() as connection:
            forgotten = connection.execute(
                "DELETE FROM runs WHERE state <> 'running' AND datetime(finished_at) < datetime(?)"
                " AND id <> (SELECT id FROM runs ORDER BY started_at DESC, id DESC LIMIT 1)"
                " AND due_date IS NOT (SELECT max(due_date) FROM runs)",
                (limit,),
            ).rowcount
            if forgotten:
                unshown = connection.execute(
                    "SELECT id, batch, path FROM predictions"
                    " WHERE datetime(scored_at) < datetime(?) AND NOT EXISTS"
                    " (SELECT 1 FROM run_images i WHERE i.prediction_id = predictions.id)",
                    (limit,),
                )
                gone = [(id_,) for id_, batch, path in unshown if not still_there(batch, path)]
                connection.executemany("DELETE FROM predictions WHERE id = ?", gone)
        return int(forgotten)

    # Facts: single values that outlive a process

    def set_fact(self, name: str, value: str) -> None:
        """Write a value down, in the place of the one there was."""
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    # Images and predictions

    def touch_batch(self, run_id: str, batch: str, position: int, paths: Iterable[str]) -> None:
        """List the images of a batch that a run shows, in order; none has a prediction yet."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO run_batches (run_id, batch, position) VALUES (?, ?, ?)",
                (run_id, batch, position),
            )
            connection.execute(
                "DELETE FROM run_images WHERE run_id = ? AND batch = ?", (run_id, batch)
            )
            connection.executemany(
                "INSERT INTO run_images VALUES (?, ?, ?, ?, NULL)",
                ((run_id, batch, num, path) for num, path in enumerate(paths, start=1)),
            )

    def show_known(self, run_id: str, batch: str, known: Iterable[tuple[int, int]]) -> None:
        """Show stored predictions for images of a touched batch: (num, prediction id) pairs."""
        with self._database.transaction() as connection:
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
        time = now.isoformat()
        predictions = (
            (batch, image.path, image.content_hash, model_version, run_id, image.label,
             image.confidence, image.review, image.error, time)
            for image in images
        )  # fmt: skip
        shown = (
            (run_id, batch, image.num, image.path, image.content_hash, model_version)
            for image in images
        )
        costs = (cost.prediction_seconds, cost.payload_bytes, cost.retries)
        with self._database.transaction() as connection:
            connection.executemany(WRITE_PREDICTION, predictions)
            connection.executemany(SHOW_PREDICTION, shown)
            connection.execute(ADD_COST, (*costs, run_id, batch))

    def mark_written(self, run_id: str) -> None:
        """Note that the batches a run shows stand in Results.csv."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE run_batches SET written = 1 WHERE run_id = ?", (run_id,))

    def close_batch(self, run_id: str, batch: str, process_seconds: float | None) -> None:
        """Write a batch's figures: later runs may replace the predictions they come from.

        ``process_seconds`` is None where nobody was there to take the time.
        """
        mine = (run_id, batch)
        with self._database.transaction() as connection:
            images, failed, flagged, mean = connection.execute(
                "SELECT count(*), count(error), count(review), avg(confidence) FROM predictions"
                " WHERE run_id = ? AND batch = ?",
                mine,
            ).fetchone()
            classes = connection.execute(
                "SELECT label, avg(confidence) FROM predictions"
                " WHERE run_id = ? AND batch = ? AND label IS NOT NULL GROUP BY label",
                mine,
            ).fetchall()
            connection.execute(
                "UPDATE run_batches SET images = ?, failed = ?, flagged = ?, mean_confidence = ?,"
                " class_confidence = ?, process_seconds = ? WHERE run_id = ? AND batch = ?",
                (images, failed, flagged, mean, json.dumps(dict(classes)), process_seconds, *mine),
            )
