"""A batch's figures, written when its run ends: later runs replace the predictions they come from.

Of what the run itself scored. Means are over the scored images; what is None was not to be had.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scoring.records.database import Database

# What is known of each picture's pixels and features (``rows.ScoredImage``).
IMAGE_MEANS = ("brightness", "contrast", "foreground", "outlier_score")

TOTALS = f"""
SELECT count(*), count(error), count(review), avg(confidence),
    {", ".join(f"avg({name})" for name in IMAGE_MEANS)}
FROM predictions WHERE run_id = ? AND batch = ?
"""
CLASSES = """
SELECT label, count(*), avg(confidence) FROM predictions
WHERE run_id = ? AND batch = ? AND label IS NOT NULL GROUP BY label
"""
WRITE = """
UPDATE run_batches SET images = ?, failed = ?, flagged = ?, mean_confidence = ?,
    image_means = ?, class_confidence = ?, class_counts = ?, process_seconds = ?
WHERE run_id = ? AND batch = ?
"""

WRITE_ESTIMATE = "UPDATE run_batches SET estimate = ? WHERE run_id = ? AND batch = ?"
WRITE_AUDITED = """
UPDATE run_batches SET estimate = json_set(estimate, '$.audited', ?)
WHERE run_id = ? AND model_version = ?
"""


def write_estimates(
    database: Database, run_id: str, estimates: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write how right the model probably was in each batch, by their names."""
    rows = [
        (json.dumps(told, ensure_ascii=False, allow_nan=False), run_id, batch)
        for batch, told in estimates.items()
    ]
    with database.transaction() as connection:
        connection.executemany(WRITE_ESTIMATE, rows)


def write_audited(
    database: Database, model_version: str, audited: Mapping[str, float | None]
) -> None:
    """Write how right a model was in runs, by what people have judged so far; by the runs' ids."""
    with database.transaction() as connection:
        connection.executemany(
            WRITE_AUDITED, [(value, run_id, model_version) for run_id, value in audited.items()]
        )


def close_batch(database: Database, run_id: str, batch: str, process_seconds: float | None) -> None:
    """Write a batch's figures; ``process_seconds`` is None where nobody took the time."""
    mine = (run_id, batch)
    with database.transaction() as connection:
        images, failed, flagged, mean, *means = connection.execute(TOTALS, mine).fetchone()
        classes = connection.execute(CLASSES, mine).fetchall()
        figures: tuple[Any, ...] = (
            *(images, failed, flagged, mean),
            json.dumps(dict(zip(IMAGE_MEANS, means, strict=True))),
            json.dumps({label: confidence for label, _, confidence in classes}),
            json.dumps({label: count for label, count, _ in classes}),
            process_seconds,
        )
        connection.execute(WRITE, (*figures, *mine))
