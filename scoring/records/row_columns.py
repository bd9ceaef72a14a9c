"""The columns of runs, their figures and predictions in the ledger, and the values they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from scoring.records.many_rows import ManyRows
from scoring.records.rows import BatchFigures, Model, Run, ScoredImage
from scoring.records.times import read_moment

RUN_COLUMNS = (
    "id, kind, due_date, scope, batches, state, reason, model_name, model_version,"
    " started_at, finished_at, utc_offset, settings"
)
FIGURE_COLUMNS = (
    "batch, model_name, model_version, images, failed, flagged, mean_confidence, class_confidence,"
    " prediction_seconds, process_seconds, payload_bytes, retries, advice, class_counts,"
    " image_means, estimate"
)

WRITE_PREDICTION = ManyRows(
    "INSERT INTO predictions (batch, path, content_hash, model_version, run_id, label, confidence,"
    " review, error, scored_at, second_label, second_confidence, outlier_score, brightness,"
    " contrast, foreground) VALUES ",
    16,
    """
ON CONFLICT (batch, path, content_hash, model_version) DO UPDATE SET run_id = excluded.run_id,
    label = excluded.label, confidence = excluded.confidence, review = excluded.review,
    error = excluded.error, scored_at = excluded.scored_at,
    second_label = excluded.second_label, second_confidence = excluded.second_confidence,
    outlier_score = excluded.outlier_score, brightness = excluded.brightness,
    contrast = excluded.contrast, foreground = excluded.foreground
""",
)


def prediction_row(
    run_id: str, batch: str, model_version: str, image: ScoredImage, scored_at: str
) -> tuple[Any, ...]:
    """Return what ``WRITE_PREDICTION`` takes of an image; ``scored_at`` as text."""
    return (
        batch, image.path, image.content_hash, model_version, run_id, image.label,
        image.confidence, image.review, image.error, scored_at, image.second_label,
        image.second_confidence, image.outlier_score, image.brightness, image.contrast,
        image.foreground,
    )  # fmt: skip


def read_run(row: Sequence[Any]) -> Run:
    """Return the run of a row of ``RUN_COLUMNS``."""
    (id_, kind, due_date, scope, batches, state, reason, model_name, version,
     started, ended, offset, settings) = row  # fmt: skip
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
        started_at=read_moment(started, offset),
        finished_at=read_moment(ended, offset) if ended else None,
        settings=settings,
    )


def read_figures(run: Run, row: Sequence[Any]) -> BatchFigures:
    """Return the figures of a row of ``FIGURE_COLUMNS``."""
    (batch, model_name, version, images, failed, flagged, mean, classes,
     prediction, process, payload, retries, advice, counts, means, estimate) = row  # fmt: skip
    return BatchFigures(
        run=run,
        batch=batch,
        model=Model(model_name, version),
        images=images,
        failed=failed,
        flagged=flagged,
        mean_confidence=mean,
        class_confidence=json.loads(classes),
        prediction_seconds=prediction,
        process_seconds=process,
        payload_bytes=payload,
        retries=retries,
        advice=advice,
        class_counts=json.loads(counts),
        image_means=json.loads(means),
        estimate=json.loads(estimate),
    )
