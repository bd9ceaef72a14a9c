"""What is asked of the ledger: runs, what they show, what is known of an image, figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Self

from scoring.records import model_facts, result_rows
from scoring.records.database import Database
from scoring.records.ledger_file import is_there, mark_made
from scoring.records.result_rows import ALL_REVIEWS
from scoring.records.row_columns import FIGURE_COLUMNS, RUN_COLUMNS, read_figures, read_run
from scoring.records.rows import BatchFigures, ResultRow, Run, RunSummary
from scoring.records.upload_names import RUN_PREFIX
from scoring.settings import Settings

NUMBER_OF = "(SELECT number FROM runs WHERE id = ?)"
# What the upload page kept is no run, but for those who look for pictures.
RUNS = f"(SELECT * FROM runs WHERE id NOT LIKE '{RUN_PREFIX}%') AS runs"
IMAGES_BY_VERSION = (
    "SELECT p.model_version, count(*) FROM run_images i"
    " JOIN predictions p ON p.id = i.prediction_id"
    " WHERE i.run_id = ? AND i.batch = ? GROUP BY p.model_version"
)


class LedgerReader:
    """The look-ups; a connection of one thread unless ``shared``."""

    def __init__(
        self, path: Path, busy_seconds: float, *, shared: bool = False, create: bool = True
    ) -> None:
        """Open the ledger, by default make it; raises LedgerError where that cannot be."""
        self.path = path
        self.database = Database(path, busy_seconds, shared=shared, create=create)
        mark_made(path)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Open the ledger of a project folder, or make its first one.

        Raises LedgerDamaged where the one that there was is lost, too.
        """
        is_there(settings)
        return cls(settings.ledger_file, settings.records.busy_seconds)

    @classmethod
    def over(cls, database: Database) -> Self:
        """Return the look-ups over a connection that is open."""
        reader = cls.__new__(cls)
        reader.path, reader.database = database.path, database
        return reader

    def close(self) -> None:
        """Close the connection; nothing can be asked any more."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Runs

    def run(self, run_id: str) -> Run | None:
        """Return a run by its id."""
        return self._one_run("WHERE id = ?", (run_id,))

    def nightly_run(self, due_date: date) -> Run | None:
        """Return the run of a due day, if it has one."""
        return self._one_run("WHERE due_date = ?", (due_date.isoformat(),))

    def runs(self, limit: int) -> list[Run]:
        """Return the latest runs, newest first."""
        return self._runs("ORDER BY number DESC LIMIT ?", (limit,))

    def runs_before(self, run_id: str, limit: int) -> list[Run]:
        """Return the runs that were written down before one, newest first; none before no run."""
        where = f"WHERE number < {NUMBER_OF} ORDER BY number DESC LIMIT ?"
        return self._runs(where, (run_id, limit))

    def nightly_runs(self, since: date) -> dict[date, Run]:
        """Return the nightly runs by due date, from ``since`` on."""
        runs = self._runs("WHERE due_date >= ?", (since.isoformat(),))
        return {run.due_date: run for run in runs if run.due_date}

    def running(self) -> list[Run]:
        """Return the runs that have not ended: in progress, or interrupted."""
        return self._runs("WHERE state = 'running' ORDER BY number")

    def _one_run(self, where: str, parameters: Sequence[Any] = ()) -> Run | None:
        runs = self._runs(where, parameters)
        return runs[0] if runs else None

    def _runs(self, where: str, parameters: Sequence[Any] = ()) -> list[Run]:
        rows = self.database.query(f"SELECT {RUN_COLUMNS} FROM {RUNS} {where}", parameters)
        return [read_run(row) for row in rows]

    # Facts: single values that outlive a process

    def fact(self, name: str) -> str | None:
        """Return a value by its name, None where none was set."""
        rows = self.database.query("SELECT value FROM facts WHERE name = ?", (name,))
        return rows[0][0] if rows else None

    def model_facts(self, version: str) -> dict[str, Any] | None:
        """Return what a model's signature said; None where no run has used it lately."""
        return model_facts.find(self.database, version)

    # What runs show

    def is_touched(self, run_id: str, batch: str) -> bool:
        """Tell whether a run shows a batch already (it was interrupted, and goes on)."""
        return bool(
            self.database.query(
                "SELECT 1 FROM run_batches WHERE run_id = ? AND batch = ?", (run_id, batch)
            )
        )

    def touched_batches(self, run_id: str) -> list[str]:
        """Return the batches a run shows, in order."""
        rows = self.database.query(
            "SELECT batch FROM run_batches WHERE run_id = ? ORDER BY position", (run_id,)
        )
        return [batch for (batch,) in rows]

    def batch_versions(self, run_id: str) -> dict[str, str]:
        """Return the version of the model that scores each batch a run shows."""
        rows = self.database.query(
            "SELECT batch, model_version FROM run_batches WHERE run_id = ?", (run_id,)
        )
        return dict(rows)

    def batch_models(self, run_id: str) -> list[str]:
        """Return the names of the models that score the batches a run shows, each once."""
        rows = self.database.query(
            "SELECT DISTINCT model_name FROM run_batches WHERE run_id = ? ORDER BY 1", (run_id,)
        )
        return [name for (name,) in rows if name]

    def unwritten_batches(self) -> frozenset[str]:
        """Return the batches with predictions that no Results.csv has shown yet.

        Their run could not write it (disk full), or was killed before.
        """
        rows = self.database.query(
            "SELECT DISTINCT b.batch FROM run_batches b JOIN runs r ON r.id = b.run_id"
            " WHERE b.written = 0 AND EXISTS (SELECT 1 FROM run_images i WHERE"
            "  i.run_id = b.run_id AND i.batch = b.batch AND i.prediction_id IS NOT NULL)"
            " AND NOT EXISTS (SELECT 1 FROM run_batches c JOIN runs s ON s.id = c.run_id"
            "  WHERE c.batch = b.batch AND c.written = 1 AND s.number > r.number)"
        )
        return frozenset(batch for (batch,) in rows)

    def find_prediction(
        self, batch: str, path: str, content_hash: str, run_id: str | None
    ) -> int | None:
        """Return the id of an image's prediction by its latest run, by any model; None: no such.

        With ``run_id`` only that run's own count. A file that could not be read has no hash and
        is never known.
        """
        mine = " AND p.run_id = ?" if run_id else ""
        key = [batch, path, content_hash, *([run_id] if run_id else [])]
        rows = self.database.query(
            "SELECT p.id FROM predictions p LEFT JOIN runs r ON r.id = p.run_id"
            " WHERE p.batch = ? AND p.path = ? AND p.content_hash = ? AND p.content_hash <> ''"
            f"{mine} ORDER BY r.number DESC, p.id DESC LIMIT 1",
            key,
        )
        return int(rows[0][0]) if rows else None

    def result_rows(self, run_id: str, reviews: int = ALL_REVIEWS) -> Iterator[ResultRow]:
        """Yield what a run shows: its batches in order, their images in order.

        Reviews written after the one of id ``reviews`` are left out, as below.
        """
        for batch in self.touched_batches(run_id):
            yield from result_rows.of_batch(self.database, run_id, batch, reviews)

    def results_rows(self, reviews: int = ALL_REVIEWS) -> Iterator[ResultRow]:
        """Yield what Results.csv is to show."""
        for batch, run_id in self.results_batches().items():
            yield from result_rows.of_batch(self.database, run_id, batch, reviews)

    def results_batches(self) -> dict[str, str]:
        """Return the batches that Results.csv is to show, in order, and as which run had each."""
        return dict(
            self.database.query("SELECT batch, run_id FROM results_batches ORDER BY position")
        )

    def unread_images(self, batch: str) -> frozenset[str]:
        """Return the images of a batch that Results.csv shows without anybody having seen them.

        They wait, or could not be read: disk, share or memory failed, so there is no hash.
        """
        rows = self.database.query(
            "SELECT i.path FROM results_batches b"
            " JOIN run_images i ON i.run_id = b.run_id AND i.batch = b.batch"
            " LEFT JOIN predictions p ON p.id = i.prediction_id"
            " WHERE b.batch = ? AND (p.id IS NULL OR p.content_hash = '')",
            (batch,),
        )
        return frozenset(path for (path,) in rows)

    def mixed_batches(self, run_id: str | None = None) -> dict[str, dict[str, int]]:
        """Return the batches that several models answered for: how many images by each, by name.

        As Results.csv shows them, or as a run does. Versions of one model are one; a version whose
        runs are all forgotten has no name any more, and does not count.
        """
        shown = "SELECT run_id, batch FROM results_batches ORDER BY position"
        if run_id is not None:
            shown = "SELECT run_id, batch FROM run_batches WHERE run_id = ? ORDER BY position"
        mine = () if run_id is None else (run_id,)
        names = dict(self.database.query("SELECT model_version, model_name FROM run_batches"))
        found = {}
        for run, batch in self.database.query(shown, mine):
            images = Counter[str]()
            for version, count in self.database.query(IMAGES_BY_VERSION, (run, batch)):
                images[names.get(version, "")] += count
            del images[""]
            if len(images) > 1:
                found[batch] = dict(sorted(images.items()))
        return found

    # Figures

    def advice(self, run_id: str) -> dict[str, str]:
        """Return what is to be thought of after a run, by batch; none of most."""
        return dict(
            self.database.query(
                "SELECT batch, advice FROM run_batches WHERE run_id = ? AND advice <> ''"
                " ORDER BY position",
                (run_id,),
            )
        )

    def reviews(self, run_id: str, batch: str) -> dict[str | None, int]:
        """Return how many images of a batch a run itself scored, by what stands in Review."""
        return dict(
            self.database.query(
                "SELECT review, count(*) FROM predictions"
                " WHERE run_id = ? AND batch = ? AND label IS NOT NULL GROUP BY review",
                (run_id, batch),
            )
        )

    def count_images(self, run_id: str) -> tuple[int, int]:
        """Return how many images a run shows, and how many of them have no prediction yet."""
        ((shown, waiting),) = self.database.query(
            "SELECT count(*), count(*) - count(prediction_id) FROM run_images WHERE run_id = ?",
            (run_id,),
        )
        return int(shown), int(waiting)

    def run_summary(self, run_id: str) -> RunSummary:
        """Return the figures of a run over the images it handled itself."""
        (row,) = self.database.query(
            "SELECT count(*), count(error), count(review), avg(confidence)"
            " FROM predictions WHERE run_id = ?",
            (run_id,),
        )
        return RunSummary(*row)

    def batch_figures(self, model_name: str | None = None) -> Iterator[BatchFigures]:
        """Yield the figures of every ended run and batch, oldest first."""
        for run in self._runs("WHERE state <> 'running' ORDER BY number"):
            yield from self.figures_of(run, model_name)

    def figures_before(self, run: Run, limit: int) -> Iterator[list[BatchFigures]]:
        """Yield the figures of earlier runs like this one that had images, newest first.

        Like a nightly one are the nightly ones, like one by hand those of the same batches.
        """
        alike = " AND batches = ?" if run.kind == "manual" else ""
        mine = (json.dumps(run.batches),) if run.kind == "manual" else ()
        earlier = self._runs(
            f"WHERE kind = ? AND state <> 'running' AND number < {NUMBER_OF}{alike} AND EXISTS"
            " (SELECT 1 FROM run_batches b WHERE b.run_id = runs.id AND b.images > 0)"
            " ORDER BY number DESC LIMIT ?",
            (run.kind, run.id, *mine, limit),
        )
        for one in earlier:
            yield list(self.figures_of(one))

    def count_before(self, run: Run) -> int:
        """Return how many runs were written down before this one."""
        earlier = f"SELECT count(*) FROM runs WHERE number < {NUMBER_OF}"
        return int(self.database.query(earlier, (run.id,))[0][0])

    def figures_of(self, run: Run, model_name: str | None = None) -> Iterator[BatchFigures]:
        """Yield the figures of one run's batches, in order; of one model's where that is named."""
        mine = "" if model_name is None else " AND model_name = ?"
        parameters = () if model_name is None else (model_name,)
        rows = self.database.query(
            f"SELECT {FIGURE_COLUMNS} FROM run_batches WHERE run_id = ?{mine} ORDER BY position",
            (run.id, *parameters),
        )
        for row in rows:
            yield read_figures(run, row)
