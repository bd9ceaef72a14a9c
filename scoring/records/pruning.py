"""What is too old goes from the ledger: runs, and what only they made and show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from scoring.records.database import Database
from scoring.records.times import utc_text
from scoring.records.upload_names import RUN_PREFIX

# (batch, path) → whether the image, or with an empty path the batch, is still in its folder.
StillThere = Callable[[str, str], bool]

FORGET_RUNS = """
DELETE FROM runs WHERE state <> 'running' AND finished_at < ?
AND number <> (SELECT max(number) FROM runs)
AND (due_date IS NULL OR due_date <> (SELECT max(due_date) FROM runs))
AND id NOT IN (SELECT run_id FROM results_batches)
"""
# From run to run along the index: there are some hundred runs for millions of predictions.
# Days that were missed, and uploads, are written down by whatever clock there is then.
RUN_BEFORE = f"""
SELECT finished_at FROM runs WHERE state NOT IN ('running', 'missed')
AND id NOT LIKE '{RUN_PREFIX}%'
ORDER BY number DESC LIMIT 1 OFFSET 1
"""
UNSHOWN_PREDICTIONS = """
WITH RECURSIVE scorers (run_id) AS (
    SELECT min(run_id) FROM predictions
    UNION ALL
    SELECT (SELECT min(p.run_id) FROM predictions p WHERE p.run_id > scorers.run_id)
    FROM scorers WHERE scorers.run_id IS NOT NULL
)
SELECT p.id, p.batch, p.path FROM scorers JOIN predictions p ON p.run_id = scorers.run_id
WHERE scorers.run_id NOT IN (SELECT id FROM runs)
AND NOT EXISTS (SELECT 1 FROM run_images i WHERE i.prediction_id = p.id)
"""
UNLISTED_BATCHES = """
WITH RECURSIVE batches (batch) AS (
    SELECT min(batch) FROM image_numbers
    UNION ALL
    SELECT (SELECT min(n.batch) FROM image_numbers n WHERE n.batch > batches.batch)
    FROM batches WHERE batches.batch IS NOT NULL
)
SELECT batch FROM batches WHERE batch IS NOT NULL
AND batch NOT IN (SELECT batch FROM run_batches)
"""


def counted_from(database: Database, now: datetime) -> datetime:
    """Return the time that ages are counted from: the end of the run before the last one.

    Or ``now``, where that is earlier. A clock that is years ahead, as after a start before it is
    set, would have everything forgotten by the one run that it makes due.
    """
    before = database.query(RUN_BEFORE)
    return min(now, datetime.fromisoformat(before[0][0])) if before else now


def prune(database: Database, before: datetime, still_there: StillThere) -> int:
    """Forget runs that ended before a time; return how many.

    The latest run, the latest due day and what Results.csv shows stay whatever their age. A
    prediction goes with the runs that made and show it, unless ``still_there(batch, path)``: a
    file that is still in its folder must not be taken for a new one. An image's number goes with
    its batch. What people said of pictures stays.
    """
    with database.transaction() as connection:
        forgotten = connection.execute(FORGET_RUNS, (utc_text(before),)).rowcount
        if forgotten:
            unshown = connection.execute(UNSHOWN_PREDICTIONS)
            gone = [(id_,) for id_, batch, path in unshown if not still_there(batch, path)]
            connection.executemany("DELETE FROM predictions WHERE id = ?", gone)
            unlisted = connection.execute(UNLISTED_BATCHES).fetchall()
            old = [(batch,) for (batch,) in unlisted if not still_there(batch, "")]
            connection.executemany("DELETE FROM image_numbers WHERE batch = ?", old)
    return int(forgotten)
