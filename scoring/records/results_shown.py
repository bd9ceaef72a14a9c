"""Which run's rows of which batch Results.csv is to show, and which of them it has shown."""

from __future__ import annotations

from collections.abc import Iterable

from scoring.records.database import Database
from scoring.records.rows import Run

SHOWN_BATCHES = """
SELECT b.batch, count(i.num), count(i.prediction_id)
FROM run_batches b LEFT JOIN run_images i ON i.run_id = b.run_id AND i.batch = b.batch
WHERE b.run_id = ? GROUP BY b.batch ORDER BY b.position
"""
# What stays beside a run: all of it, or what was scored by hand after the run was opened.
RESULTS_BESIDE = """
SELECT s.batch, s.run_id FROM results_batches s JOIN runs r ON r.id = s.run_id
WHERE ?1 OR r.number > (SELECT number FROM runs WHERE id = ?2) ORDER BY s.position
"""
WRITTEN_ELSEWHERE = """
UPDATE run_batches SET written = 2 WHERE run_id = ?1 AND NOT EXISTS (
    SELECT 1 FROM run_images i JOIN predictions p ON p.id = i.prediction_id
    WHERE i.run_id = ?1 AND i.batch = run_batches.batch AND NOT EXISTS (
        SELECT 1 FROM predictions q JOIN run_images j ON j.prediction_id = q.id
        JOIN run_batches w ON w.run_id = j.run_id AND w.batch = j.batch AND w.written = 1
        WHERE q.batch = p.batch AND q.path = p.path AND q.content_hash = p.content_hash))
"""


def show_run(database: Database, run: Run) -> bool:
    """Make what a run shows part of what Results.csv is to show; False: it has nothing.

    A nightly run takes the place of all that was shown before it; a run by hand that of its own
    batches, and an empty one by hand takes its rows away. A batch of which nothing is scored takes
    nobody's place.
    """
    with database.transaction() as connection:
        mine = connection.execute(SHOWN_BATCHES, (run.id,)).fetchall()
        if not _any_worth_showing(run, mine):
            return False
        by_hand = run.kind == "manual"
        kept = dict(connection.execute(RESULTS_BESIDE, (by_hand, run.id)).fetchall())
        shown = {
            batch: run.id
            for batch, images, scored in mine
            if _is_worth_showing(run, images, scored) or (images and batch not in kept)
        }
        # Who is shown already keeps his place; a nightly run's own batches come first.
        every = {**kept, **shown} if by_hand else {**shown, **kept, **shown}
        connection.execute("DELETE FROM results_batches")
        connection.executemany(
            "INSERT INTO results_batches VALUES (?, ?, ?)",
            ((batch, id_, position) for position, (batch, id_) in enumerate(every.items())),
        )
    return True


def has_results(database: Database, run: Run) -> bool:
    """Tell whether a run has something to show."""
    return _any_worth_showing(run, database.query(SHOWN_BATCHES, (run.id,)))


def mark_written(database: Database) -> None:
    """Note that Results.csv shows what it is to show."""
    with database.transaction() as connection:
        connection.execute(
            "UPDATE run_batches SET written = 1 WHERE written <> 1 AND (run_id, batch) IN"
            " (SELECT run_id, batch FROM results_batches)"
        )


def mark_elsewhere(database: Database, run_id: str) -> None:
    """Note that a run's results went to a file of their own.

    Images that Results.csv has never shown are owed to it still.
    """
    with database.transaction() as connection:
        connection.execute(WRITTEN_ELSEWHERE, (run_id,))


def _any_worth_showing(run: Run, batches: Iterable[tuple[str, int, int]]) -> bool:
    return any(_is_worth_showing(run, images, scored) for _, images, scored in batches)


def _is_worth_showing(run: Run, images: int, scored: int) -> bool:
    """Tell whether a batch is a reason to write results."""
    emptied = not images and (run.kind, run.scope) == ("manual", "all")
    return bool(scored) or emptied
