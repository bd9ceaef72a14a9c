"""What a program is told of each of its pictures."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from scoring.batches.image_reader import ImageRow
from scoring.protocol.prediction import RowPrediction, join_reasons
from scoring.protocol.signature import Signature


# A data class, for pandas makes a table of those.
@dataclass(frozen=True, slots=True)
class PictureResult:
    """What became of one picture: ``label`` and all that goes with it, or ``error``.

    Attributes:
        id: which picture: of a folder the path below it, of a list the path as it was given or
            else its place (from 0), of a table its index label.
        label: the likeliest class.
        confidence: its calibrated probability, 0 to 1.
        review: why a person should look, several reasons joined by "; "; or None.
        second_label: the class that comes next.
        second_confidence: its calibrated probability.
        outlier_score: larger for what is less like the training images.
        error: why this picture has no answer, and what to do; or None.
        model_name: the model that was asked.
        model_version: its version; a server that was started anew may have another.
    """

    id: Any
    label: str | None = None
    confidence: float | None = None
    review: str | None = None
    second_label: str | None = None
    second_confidence: float | None = None
    outlier_score: float | None = None
    error: str | None = None
    model_name: str = ""
    model_version: str = ""


class Chunk(Struct, frozen=True):
    """Some pictures in their order, read as far as they can be; ``ids`` are the caller's own."""

    ids: Sequence[Hashable]
    rows: Sequence[ImageRow]


def results_of(
    chunk: Chunk, predictions: Sequence[RowPrediction], model: Signature
) -> list[PictureResult]:
    """Return a result for each picture; ``predictions`` are those of the readable ones."""
    answers = iter(predictions)
    return [
        _failed(id_, row, model)
        if row.pixels is None
        else _answered(id_, row, next(answers), model)
        for id_, row in zip(chunk.ids, chunk.rows, strict=True)
    ]


def _failed(id_: Hashable, row: ImageRow, model: Signature) -> PictureResult:
    error = row.error or "not scored"
    return PictureResult(id_, error=error, model_name=model.name, model_version=model.version)


def _answered(
    id_: Hashable, row: ImageRow, answer: RowPrediction, model: Signature
) -> PictureResult:
    return PictureResult(
        id_,
        answer.label,
        answer.confidence,
        join_reasons(row.review, answer.review),
        answer.second_label,
        answer.second_confidence,
        answer.outlier_score,
        model_name=model.name,
        model_version=model.version,
    )
