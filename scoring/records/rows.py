"""What the ledger keeps, as values: runs, images, figures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from msgspec import Struct, field

Kind = Literal["nightly", "manual"]
Scope = Literal["new", "all"]
State = Literal["running", "done", "partial", "failed", "missed"]


class Run(Struct, frozen=True):
    """One invocation, nightly (with its due date) or by hand.

    ``settings``: JSON of those that changed what was scored or written.
    """

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
    settings: str = "{}"


class Model(Struct, frozen=True):
    """The model that scored a batch."""

    name: str
    version: str


class ScoredImage(NamedTuple):
    """What one image was found to be; ``label`` and ``confidence``, or ``error``.

    ``num`` is its place in the batch, from 1; ``content_hash`` is empty where the file could not
    be read; confidences lie between 0 and 1. The rest is what the model's monitoring asks for,
    where it is known: the class that came second, how unlike the training images it is, and
    ``scoring.preprocessing.image_statistics`` of the pixels.
    """

    num: int
    path: str
    content_hash: str
    label: str | None = None
    confidence: float | None = None
    review: str | None = None
    error: str | None = None
    second_label: str | None = None
    second_confidence: float | None = None
    outlier_score: float | None = None
    brightness: float | None = None
    contrast: float | None = None
    foreground: float | None = None


class ChunkCost(Struct, frozen=True):
    """What it took to score one chunk."""

    prediction_seconds: float = 0.0
    payload_bytes: int = 0
    retries: int = 0


class ResultRow(NamedTuple):
    """One row of Results.csv; all of label, confidence and error None: not scored yet.

    ``number`` stays the image's own while its batch stands; ``corrected`` is what a person said
    of it.
    """

    number: int
    batch: str
    path: str
    label: str | None
    confidence: float | None
    review: str | None
    error: str | None
    second_label: str | None = None
    second_confidence: float | None = None
    corrected: str | None = None


class RunSummary(Struct, frozen=True):
    """What a run did; the mean confidence (0 to 1) is None where nothing was scored."""

    images: int
    failed: int
    flagged: int
    mean_confidence: float | None


class BatchFigures(Struct, frozen=True):
    """How one batch of one run went; confidences between 0 and 1, times in seconds.

    ``advice``: what whoever set the batch's model should think of, in one line; mostly empty.
    ``class_counts``: how many images each class was given; ``image_means``: the means of
    ``ScoredImage``'s statistics. ``estimate``: how right the model probably was (``value``,
    ``low``, ``high``: shares of 0-1; ``valid``), and by what people judged of the run's images of
    that model (``audited``). All are empty of runs before there were such.
    """

    run: Run
    batch: str
    model: Model
    images: int
    failed: int
    flagged: int
    mean_confidence: float | None
    class_confidence: dict[str, float]
    prediction_seconds: float
    process_seconds: float | None
    payload_bytes: int
    retries: int
    advice: str = ""
    class_counts: Mapping[str, int] = field(default_factory=dict)
    image_means: Mapping[str, float | None] = field(default_factory=dict)
    estimate: Mapping[str, Any] = field(default_factory=dict)
