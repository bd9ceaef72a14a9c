"""What the ledger keeps, as values: runs, images, figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

Kind = Literal["nightly", "manual"]
Scope = Literal["new", "all"]
State = Literal["running", "done", "partial", "failed", "missed"]


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
