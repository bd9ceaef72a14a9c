"""A review as a value: what a person said of a picture, and what the model had said before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from scoring.protocol.errors import ScoringError
from scoring.protocol.file_names import as_utf8
from scoring.records.answers import Answer, Verdict

Source = Literal["desk", "Results.csv", "import", "api"]

COLUMNS = (
    "id, batch, path, content_hash, run_id, model_name, model_version, predicted, confidence,"
    " flagged, verdict, label, reviewer, source, blind, seconds, note, replaces, decided_at"
)


class ReviewRefused(ScoringError):
    """A review cannot be taken as it is."""

    code = "review-refused"


class UnknownPicture(ReviewRefused):
    """No run has scored such a picture, and nobody has reviewed it."""

    code = "unknown-picture"


class UnknownLabel(ReviewRefused):
    """The model of the picture has no such label."""

    code = "unknown-label"


class ReviewConflict(ReviewRefused):
    """Somebody has decided meanwhile; ``standing`` is what stands now, if anything."""

    code = "review-conflict"

    def __init__(self, standing: Review | None) -> None:
        said = "the review was undone meanwhile"
        if standing:
            said = f"{standing.reviewer} has decided meanwhile: {standing.answer}"
        super().__init__(said)
        self.standing = standing


class PictureKey(Struct, frozen=True):
    """A content at its place: what a review is about."""

    batch: str
    path: str
    content_hash: str


class ModelSaid(Struct, frozen=True):
    """What the model had found; ``predicted`` None where the picture failed."""

    run_id: str
    model_name: str
    model_version: str
    predicted: str | None
    confidence: float | None
    flagged: str | None


class Review(Struct, frozen=True):
    """One row; ``label`` only where the verdict is ``label``, ``replaces`` is what stood before.

    ``blind``: the prediction was hidden; ``seconds``: time to decide; ``decided_at``: UTC.
    """

    id: int
    picture: PictureKey
    said: ModelSaid
    verdict: Verdict
    label: str | None
    reviewer: str
    source: Source
    blind: bool = False
    seconds: float | None = None
    note: str = ""
    replaces: int | None = None
    decided_at: str = ""

    @property
    def answer(self) -> Answer:
        return Answer(self.verdict, self.label)


class Step(Struct, frozen=True):
    """A review as far as a cell shows it: ``answer`` in its words, "" after an undo."""

    id: int
    answer: str
    source: Source


class Decision(Struct, frozen=True):
    """What a person wants written; ``expected`` is the row he saw standing, None: he saw none."""

    picture: PictureKey
    answer: Answer
    reviewer: str
    source: Source
    expected: int | None = None
    blind: bool = False
    seconds: float | None = None
    note: str = ""

    def is_told_by(self, review: Review | None) -> bool:
        """Tell whether it is written already: whoever was not answered asks again."""
        return review is not None and (
            (review.answer, review.reviewer, review.source, review.replaces)
            == (self.answer, as_utf8(self.reviewer), self.source, self.expected)
        )


def to_write(decision: Decision, said: ModelSaid, decided_at: str) -> Review:
    """Return the row of a decision; its id is not known yet."""
    return Review(
        id=0,
        picture=decision.picture,
        said=said,
        verdict=decision.answer.verdict,
        label=decision.answer.label,
        reviewer=as_utf8(decision.reviewer),
        source=decision.source,
        blind=decision.blind,
        seconds=decision.seconds,
        note=as_utf8(decision.note),
        replaces=decision.expected,
        decided_at=decided_at,
    )


def review_row(review: Review) -> tuple[Any, ...]:
    """Return a review in the order of ``COLUMNS``, without its id."""
    picture, said = review.picture, review.said
    return (
        *(picture.batch, picture.path, picture.content_hash),
        *(said.run_id, said.model_name, said.model_version),
        *(said.predicted, said.confidence, said.flagged),
        *(review.verdict, review.label, review.reviewer, review.source, int(review.blind)),
        *(review.seconds, review.note, review.replaces, review.decided_at),
    )


def read_review(row: Sequence[Any]) -> Review:
    """Return the review of a row of ``COLUMNS``."""
    id_, batch, path, content_hash, *said = row[:10]
    verdict, label, reviewer, source, blind, seconds, note, replaces, decided_at = row[10:]
    return Review(
        id=id_,
        picture=PictureKey(batch, path, content_hash),
        said=ModelSaid(*said),
        verdict=verdict,
        label=label,
        reviewer=reviewer,
        source=source,
        blind=bool(blind),
        seconds=seconds,
        note=note,
        replaces=replaces,
        decided_at=decided_at,
    )
