"""The ledger: what was due, what ran, what every image was found to be.

SQLite in WAL mode with ``synchronous=FULL``: what was committed lasts through a power cut. One
chunk's predictions are one transaction.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Self

from scoring.protocol.errors import LedgerDamaged, LedgerError
from scoring.records import schema

WAL_PAUSE_SECONDS = 0.01

Kind = Literal["nightly", "manual"]
Scope = Literal["new", "all"]
State = Literal["running", "done", "partial", "failed", "missed"]

# The fact that says since when runs are due.
FIRST_START = "first_start"
# SQLite's extended error codes hold the primary one in their lowest byte.
PRIMARY_CODE = 0xFF


@dataclass(frozen=True)
class Run:
    """One invocation, nightly (with its due date) or by hand."""

    id: str
    kind: Kind
    due_date: date | None
    scope: Scope
    batches: tuple[str, ...]
    state: State
    reason: str
    model_name: str
    model_version: str
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class ScoredImage:
    """What one image was found to be; ``label`` and ``confidence``, or ``error``.

    ``num`` is its place in the batch, from 1; ``content_hash`` is empty where the file could not
    be read; ``confidence`` lies between 0 and 1.
    """

    num: int
    path: str
    content_hash: str
    label: str | None = None
    confidence: float | None = None
    review: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class ChunkCost:
    """What it took to score one chunk."""

    prediction_seconds: float = 0.0
    payload_bytes: int = 0
    retries: int = 0


@dataclass(frozen=True)
class ResultRow:
    """One row of Results.csv; all of label, confidence and error None: not scored yet."""

    batch: str
    path: str
    label: str | None
    confidence: float | None
    review: str | None
    error: str | None


@dataclass(frozen=True)
class RunSummary:
    """What a run did; the mean confidence (0 to 1) is None where nothing was scored."""

    images: int
    failed: int
    flagged: int
    mean_confidence: float | None


@dataclass(frozen=True)
class BatchFigures:
    """How one batch of one run went; confidences between 0 and 1, times in seconds."""

    run: Run
    batch: str
    images: int
    failed: int
    flagged: int
    mean_confidence: float | None
    class_confidence: dict[str, float]
    prediction_seconds: float
    process_seconds: float | None
    payload_bytes: int
    retries: int


class Ledger:
    """The one store of runs and predictions; a connection of one thread unless ``shared``."""

    def __init__(self, path: Path, busy_seconds: float, *, shared: bool = False) -> None:
        """Open or make the ledger; raises LedgerError where that cannot be."""
        self.path = path
        self.busy_seconds = busy_seconds
        with _explained(path, busy_seconds):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path, timeout=busy_seconds, isolation_level=None, check_same_thread=not shared
            )
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA foreign_keys = ON")
        self._enter_wal()
        self._db.execute("PRAGMA synchronous = FULL")
        found = self._schema_version()
        if found > schema.SCHEMA_VERSION:
            raise LedgerError(
                f"{self.path} was written by a newer version of this software "
                f"(schema {found}, this one knows {schema.SCHEMA_VERSION}); update the software"
            )
        if 0 < found < schema.SCHEMA_VERSION:
            self.copy_to(self.path.with_name(f"{self.path.stem}-schema-{found}.db"))
        if found < schema.SCHEMA_VERSION:
            with self._writing():
                self._upgrade()

    def _enter_wal(self) -> None:
        """Switch to the write-ahead log; SQLite does not wait here as it does elsewhere."""
        deadline = time.monotonic() + self.busy_seconds
        while True:
            try:
                if self._db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                    self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(WAL_PAUSE_SECONDS)

    def _schema_version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _upgrade(self) -> None:
        """Bring the tables up to date; another process may have done it meanwhile."""
        steps = {0: schema.SCHEMA, **schema.UPGRADES}
        while (found := self._schema_version()) < schema.SCHEMA_VERSION:
            for statement in steps[found].split(";\n"):
                self._db.execute(statement)
            reached = found + 1 if found else schema.SCHEMA_VERSION
            self._db.execute(f"PRAGMA user_version = {reached}")

    def open_reader(self) -> Ledger:
        """Return a second connection, for look-ups from other threads (one at a time)."""
        return Ledger(self.path, self.busy_seconds, shared=True)

    def close(self) -> None:
        self._db.close()

    # Keeping

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy, checked and whole or not at all, while others go on writing.

        Raises LedgerDamaged where the copy does not pass SQLite's own check.
        """
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        with _explained(self.path, self.busy_seconds):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with closing(sqlite3.connect(part)) as copy:
                    self._db.backup(copy)
                    # One file without side files; then it is read once, as a restore would.
                    copy.execute("PRAGMA journal_mode = DELETE")
                    (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
                if verdict != "ok":
                    raise LedgerDamaged(f"{self.path} is damaged: {verdict}")
                os.replace(part, target)
            finally:
                part.unlink(missing_ok=True)

    def prune(self, before: datetime, still_there: Callable[[str, str], bool]) -> int:
        """Forget runs that ended before a time; return how many.

        The latest run and the latest due day stay whatever their age. A prediction goes with the
        runs that show it, unless ``still_there(batch, path)``: a file that is still in its folder
        must not be taken for a new one.
        """
        limit = before.isoformat()
        with self._writing():
            forgotten = self._db.execute(
                "DELETE FROM runs WHERE state <> 'running' AND datetime(finished_at) < datetime(?)"
                " AND id <> (SELECT id FROM runs ORDER BY started_at DESC, id DESC LIMIT 1)"
                " AND due_date IS NOT (SELECT max(due_date) FROM runs)",
                (limit,),
            ).rowcount
            if forgotten:
                unshown = self._db.execute(
                    "SELECT id, batch, path FROM predictions"
                    " WHERE datetime(scored_at) < datetime(?) AND NOT EXISTS"
                    " (SELECT 1 FROM run_images i WHERE i.prediction_id = predictions.id)",
                    (limit,),
                )
                gone = [(id_,) for id_, batch, path in unshown if not still_there(batch, path)]
                self._db.executemany("DELETE FROM predictions WHERE id = ?", gone)
        return int(forgotten)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Runs

    def start_run(self, run: Run) -> None:
        """Write down a run; a nightly run takes its due date, which can be taken once."""
        with self._writing():
            self._db.execute(
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

    def finish_run(self, run_id: str, state: State, reason: str, finished_at: datetime) -> None:
        """Close a run; a run that is closed stays as it is."""
        with self._writing():
            self._db.execute(
                "UPDATE runs SET state = ?, reason = ?, finished_at = ?"
                " WHERE id = ? AND state = 'running'",
                (state, reason, finished_at.isoformat(), run_id),
            )

    def take_over_run(self, run_id: str, model_name: str, model_version: str) -> None:
        """Let a run that was interrupted go on with the model that serves now."""
        with self._writing():
            self._db.execute(
                "UPDATE runs SET model_name = ?, model_version = ? WHERE id = ?",
                (model_name, model_version, run_id),
            )

    def run(self, run_id: str) -> Run | None:
        return self._one_run("WHERE id = ?", (run_id,))

    def nightly_run(self, due_date: date) -> Run | None:
        """Return the run of a due day, if it has one."""
        return self._one_run("WHERE due_date = ?", (due_date.isoformat(),))

    def latest_run(self) -> Run | None:
        return self._one_run("ORDER BY started_at DESC, id DESC LIMIT 1", ())

    def runs(self, limit: int) -> list[Run]:
        """Return the latest runs, newest first."""
        return self._runs("ORDER BY started_at DESC, id DESC LIMIT ?", (limit,))

    def nightly_runs(self, since: date) -> dict[date, Run]:
        """Return the nightly runs by due date, from ``since`` on."""
        runs = self._runs("WHERE due_date >= ?", (since.isoformat(),))
        return {run.due_date: run for run in runs if run.due_date}

    def forget_missed(self, due_dates: Iterable[date]) -> None:
        """Take back missed days: a clock that was wrong had written them down before they came."""
        with self._writing():
            self._db.executemany(
                "DELETE FROM runs WHERE due_date = ? AND state = 'missed'",
                ((day.isoformat(),) for day in due_dates),
            )

    def running(self) -> list[Run]:
        """Return the runs that have not ended: in progress, or interrupted."""
        return self._runs("WHERE state = 'running' ORDER BY started_at", ())

    def _one_run(self, where: str, parameters: Sequence[Any]) -> Run | None:
        runs = self._runs(where, parameters)
        return runs[0] if runs else None

    def _runs(self, where: str, parameters: Sequence[Any]) -> list[Run]:
        with _explained(self.path, self.busy_seconds):
            rows = self._db.execute(f"SELECT * FROM runs {where}", parameters).fetchall()
        return [_read_run(row) for row in rows]

    # Facts: single values that outlive a process

    def fact(self, name: str) -> str | None:
        with _explained(self.path, self.busy_seconds):
            row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_fact(self, name: str, value: str) -> None:
        with self._writing():
            self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    # Images and predictions

    def touch_batch(self, run_id: str, batch: str, position: int, paths: Iterable[str]) -> None:
        """List the images of a batch that a run shows, in order; none has a prediction yet."""
        with self._writing():
            self._db.execute(
                "INSERT OR IGNORE INTO run_batches (run_id, batch, position) VALUES (?, ?, ?)",
                (run_id, batch, position),
            )
            self._db.execute(
                "DELETE FROM run_images WHERE run_id = ? AND batch = ?", (run_id, batch)
            )
            self._db.executemany(
                "INSERT INTO run_images VALUES (?, ?, ?, ?, NULL)",
                ((run_id, batch, num, path) for num, path in enumerate(paths, start=1)),
            )

    def is_touched(self, run_id: str, batch: str) -> bool:
        """Tell whether a run shows a batch already (it was interrupted, and goes on)."""
        with _explained(self.path, self.busy_seconds):
            row = self._db.execute(
                "SELECT 1 FROM run_batches WHERE run_id = ? AND batch = ?", (run_id, batch)
            ).fetchone()
        return row is not None

    def mark_written(self, run_id: str) -> None:
        """Note that the batches a run shows stand in Results.csv."""
        with self._writing():
            self._db.execute("UPDATE run_batches SET written = 1 WHERE run_id = ?", (run_id,))

    def unwritten_batches(self) -> frozenset[str]:
        """Return the batches with predictions that no Results.csv has shown yet.

        Their run could not write it (disk full), or was killed before.
        """
        with _explained(self.path, self.busy_seconds):
            rows = self._db.execute(
                "SELECT DISTINCT b.batch FROM run_batches b JOIN runs r ON r.id = b.run_id"
                " WHERE b.written = 0 AND EXISTS (SELECT 1 FROM run_images i WHERE"
                "  i.run_id = b.run_id AND i.batch = b.batch AND i.prediction_id IS NOT NULL)"
                " AND NOT EXISTS (SELECT 1 FROM run_batches c JOIN runs s ON s.id = c.run_id"
                "  WHERE c.batch = b.batch AND c.written = 1 AND s.started_at > r.started_at)"
            ).fetchall()
        return frozenset(row[0] for row in rows)

    def touched_batches(self, run_id: str) -> list[str]:
        """Return the batches a run shows, in order."""
        with _explained(self.path, self.busy_seconds):
            rows = self._db.execute(
                "SELECT batch FROM run_batches WHERE run_id = ? ORDER BY position", (run_id,)
            ).fetchall()
        return [batch for (batch,) in rows]

    def find_prediction(
        self, batch: str, path: str, content_hash: str, run_id: str | None
    ) -> int | None:
        """Return the id of the latest prediction of an image, by any model; None if there is none.

        With ``run_id`` only that run's own count. A file that could not be read has no hash and
        is never known.
        """
        mine = " AND run_id = ?" if run_id else ""
        key = [batch, path, content_hash, *([run_id] if run_id else [])]
        with _explained(self.path, self.busy_seconds):
            row = self._db.execute(
                "SELECT id FROM predictions WHERE batch = ? AND path = ? AND content_hash = ?"
                f" AND content_hash <> ''{mine} ORDER BY scored_at DESC, id DESC LIMIT 1",
                key,
            ).fetchone()
        return int(row[0]) if row else None

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
        with self._writing():
            self._db.executemany(
                "INSERT INTO predictions (batch, path, content_hash, model_version, run_id, label,"
                " confidence, review, error, scored_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (batch, path, content_hash, model_version) DO UPDATE SET"
                " run_id = excluded.run_id, label = excluded.label,"
                " confidence = excluded.confidence, review = excluded.review,"
                " error = excluded.error, scored_at = excluded.scored_at",
                (
                    (batch, image.path, image.content_hash, model_version, run_id, image.label,
                     image.confidence, image.review, image.error, time)
                    for image in images
                ),
            )  # fmt: skip
            self._db.executemany(
                "UPDATE run_images SET prediction_id ="
                " (SELECT id FROM predictions WHERE batch = ?2 AND path = ?4"
                "  AND content_hash = ?5 AND model_version = ?6)"
                " WHERE run_id = ?1 AND batch = ?2 AND num = ?3",
                (
                    (run_id, batch, image.num, image.path, image.content_hash, model_version)
                    for image in images
                ),
            )
            self._db.execute(
                "UPDATE run_batches SET prediction_seconds = prediction_seconds + ?,"
                " payload_bytes = payload_bytes + ?, retries = retries + ?"
                " WHERE run_id = ? AND batch = ?",
                (cost.prediction_seconds, cost.payload_bytes, cost.retries, run_id, batch),
            )

    def show_known(self, run_id: str, batch: str, known: Iterable[tuple[int, int]]) -> None:
        """Show stored predictions for images of a touched batch: (num, prediction id) pairs."""
        with self._writing():
            self._db.executemany(
                "UPDATE run_images SET prediction_id = ?"
                " WHERE run_id = ? AND batch = ? AND num = ?",
                ((prediction_id, run_id, batch, num) for num, prediction_id in known),
            )

    def result_rows(self, run_id: str) -> Iterator[ResultRow]:
        """Yield what a run shows: its batches in order, their images in order.

        Batch by batch, so that the rows come off an index and never pile up in a sort.
        """
        with _explained(self.path, self.busy_seconds):
            for batch in self.touched_batches(run_id):
                rows = self._db.execute(
                    "SELECT i.batch, i.path, p.label, p.confidence, p.review, p.error"
                    " FROM run_images i LEFT JOIN predictions p ON p.id = i.prediction_id"
                    " WHERE i.run_id = ? AND i.batch = ? ORDER BY i.num",
                    (run_id, batch),
                )
                for row in rows:
                    yield ResultRow(*row)

    # Figures

    def count_images(self, run_id: str) -> tuple[int, int]:
        """Return how many images a run shows, and how many of them have no prediction yet."""
        with _explained(self.path, self.busy_seconds):
            row = self._db.execute(
                "SELECT count(*), count(*) - count(prediction_id) FROM run_images WHERE run_id = ?",
                (run_id,),
            ).fetchone()
        return int(row[0]), int(row[1])

    def run_summary(self, run_id: str) -> RunSummary:
        """Return the figures of a run over the images it handled itself."""
        with _explained(self.path, self.busy_seconds):
            row = self._db.execute(
                "SELECT count(*), count(error), count(review), avg(confidence)"
                " FROM predictions WHERE run_id = ?",
                (run_id,),
            ).fetchone()
        return RunSummary(*row)

    def close_batch(self, run_id: str, batch: str, process_seconds: float | None) -> None:
        """Write a batch's figures: later runs may replace the predictions they come from.

        ``process_seconds`` is None where nobody was there to take the time.
        """
        mine = (run_id, batch)
        with self._writing():
            images, failed, flagged, mean = self._db.execute(
                "SELECT count(*), count(error), count(review), avg(confidence) FROM predictions"
                " WHERE run_id = ? AND batch = ?",
                mine,
            ).fetchone()
            classes = self._db.execute(
                "SELECT label, avg(confidence) FROM predictions"
                " WHERE run_id = ? AND batch = ? AND label IS NOT NULL GROUP BY label",
                mine,
            ).fetchall()
            self._db.execute(
                "UPDATE run_batches SET images = ?, failed = ?, flagged = ?, mean_confidence = ?,"
                " class_confidence = ?, process_seconds = ? WHERE run_id = ? AND batch = ?",
                (images, failed, flagged, mean, json.dumps(dict(classes)), process_seconds, *mine),
            )

    def batch_figures(self, model_name: str | None = None) -> Iterator[BatchFigures]:
        """Yield the figures of every ended run and batch, oldest first."""
        mine = "" if model_name is None else " AND model_name = ?"
        parameters = () if model_name is None else (model_name,)
        ended = f"WHERE state <> 'running'{mine} ORDER BY started_at, id"
        for run in self._runs(ended, parameters):
            rows = self._db.execute(
                "SELECT batch, images, failed, flagged, mean_confidence, class_confidence,"
                " prediction_seconds, process_seconds, payload_bytes, retries"
                " FROM run_batches WHERE run_id = ? ORDER BY position",
                (run.id,),
            ).fetchall()
            for row in rows:
                yield _read_figures(run, row)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction: all of it or nothing, waiting for other writers first."""
        with _explained(self.path, self.busy_seconds):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


@contextmanager
def _explained(path: Path, busy_seconds: float) -> Iterator[None]:
    """Turn SQLite's errors into one that says what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise LedgerError(
                f"{path} was locked by another program for {busy_seconds:g} s; "
                "close what has it open"
            ) from error
        raise LedgerError(f"{path} cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        # What the module itself refuses carries no code.
        code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise LedgerDamaged(f"{path} is damaged: {error}") from error
        raise LedgerError(f"{path} refused the data: {error}") from error
    except OSError as error:
        raise LedgerError(f"{path} cannot be used: {error}") from error


def _read_run(row: Sequence[Any]) -> Run:
    id_, kind, due_date, scope, batches, state, reason, model_name, version, started, ended = row
    return Run(
        id=id_,
        kind=kind,
        due_date=date.fromisoformat(due_date) if due_date else None,
        scope=scope,
        batches=tuple(json.loads(batches)),
        state=state,
        reason=reason,
        model_name=model_name,
        model_version=version,
        started_at=datetime.fromisoformat(started),
        finished_at=datetime.fromisoformat(ended) if ended else None,
    )


def _read_figures(run: Run, row: Sequence[Any]) -> BatchFigures:
    batch, images, failed, flagged, mean, classes, prediction, process, payload, retries = row
    return BatchFigures(
        run=run,
        batch=batch,
        images=images,
        failed=failed,
        flagged=flagged,
        mean_confidence=mean,
        class_confidence=json.loads(classes),
        prediction_seconds=prediction,
        process_seconds=process,
        payload_bytes=payload,
        retries=retries,
    )
