"""Metrics-log.csv: how each run went, for the model's administrator.

One row per run and batch, rebuilt from the ledger, so that deleting it loses nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from scoring.records.atomic_file import atomic_text, remove_leftovers
from scoring.records.ledger import BatchFigures
from scoring.records.results_csv import CsvFormat
from scoring.records.text import neutral_cell, printable

FILE_NAME = "Metrics-log.csv"


def metrics_file(folder: Path, model_name: str, default_model: str) -> Path:
    """Return the metrics log of a model; the default model's bears no name."""
    if model_name == default_model:
        return folder / FILE_NAME
    return folder / f"Metrics-log-{model_name}.csv"


def write_metrics(
    path: Path, figures: Iterable[BatchFigures], labels: Sequence[str], csv_format: CsvFormat
) -> None:
    """Write the metrics log whole; ``labels`` name the columns of mean confidence per class."""
    remove_leftovers(path)
    with atomic_text(path, encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=csv_format.separator)
        writer.writerow(columns([printable(label) for label in labels]))
        for row in figures:
            writer.writerow(_cells(row, labels, csv_format))


def columns(labels: Sequence[str]) -> list[str]:
    """Return the header; seconds for times, percent for confidences, bytes for the payload.

    Process Time is a batch's share of the wall time from the start of the command to Results.csv in
    place: the rows of a run add up to it. Less Prediction Time, it is what all else has cost.
    """
    return [
        *("Date", "Run", "Batch", "State", "Model version", "Images", "Failed", "Flagged"),
        *(f"Confidence % {label}" for label in labels),
        "Mean confidence %",
        *("Estimated accuracy %", "Estimate low %", "Estimate high %", "Estimate valid"),
        *("Audited accuracy %", "Process Time", "Prediction Time", "Time per Prediction"),
        *("Images/s", "Payload bytes", "Retries"),
    ]


def _cells(row: BatchFigures, labels: Sequence[str], csv_format: CsvFormat) -> list[object]:
    number = csv_format.number
    scored = row.images - row.failed
    by_class = (row.class_confidence.get(label) for label in labels)
    return [
        row.run.started_at.isoformat(timespec="seconds"),
        row.run.id,
        neutral_cell(row.batch),
        row.run.state,
        neutral_cell(row.model.version[:12]),
        *(row.images, row.failed, row.flagged),
        *(csv_format.percent(value) for value in by_class),
        csv_format.percent(row.mean_confidence),
        *(csv_format.percent(row.estimate.get(name)) for name in ("value", "low", "high")),
        _yes_or_no(row.estimate.get("valid")),
        csv_format.percent(row.estimate.get("audited")),
        number(row.process_seconds, 3),
        number(row.prediction_seconds, 3),
        number(row.prediction_seconds / scored if scored else None, 6),
        number(row.images / row.process_seconds if row.process_seconds else None, 1),
        *(row.payload_bytes, row.retries),
    ]


def _yes_or_no(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"
