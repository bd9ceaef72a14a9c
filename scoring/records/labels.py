"""What people said of pictures: rows that are added, never changed and never taken away.

A picture is a content at its place in a batch. Its last row is what stands, unless that is an undo.
Whoever writes names the row he saw standing: of two who decide at once, the second is told.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from scoring.protocol.file_names import as_utf8
from scoring.records import model_facts
from scoring.records.answers import Answer, Verdict, read_answer
from scoring.records.database import LARGEST_ID
from scoring.records.ledger_reader import LedgerReader
from scoring.records.reviews import (
    COLUMNS,
    Decision,
    ModelSaid,
    PictureKey,
    Review,
    ReviewConflict,
    ReviewRefused,
    Source,
    Step,
    UnknownLabel,
    UnknownPicture,
    read_review,
    review_row,
    to_write,
)
from scoring.records.times import utc_text

__all__ = [
    "Answer",
    "Decision",
    "Labels",
    "ModelSaid",
    "PictureKey",
    "Review",
    "ReviewConflict",
    "ReviewRefused",
    "Source",
    "Step",
    "UnknownLabel",
    "UnknownPicture",
    "Verdict",
]

LAST = (
    f"SELECT {COLUMNS} FROM reviews WHERE batch = ? AND path = ? AND content_hash = ?"
    " ORDER BY id DESC LIMIT 1"
)
INSERT = (
    f"INSERT INTO reviews ({COLUMNS}) VALUES"
    " (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id"
)
# What the newest run, of any model, found the picture to be.
PREDICTION = """
SELECT p.run_id, coalesce(nullif(b.model_name, ''), nullif(r.model_name, ''), m.name, ''),
    p.model_version, p.label, p.confidence, p.review
FROM predictions p LEFT JOIN runs r ON r.id = p.run_id
LEFT JOIN run_batches b ON b.run_id = p.run_id AND b.batch = p.batch
LEFT JOIN models m ON m.version = p.model_version
WHERE p.batch = ? AND p.path = ? AND p.content_hash = ? AND p.content_hash <> ''
ORDER BY r.number DESC, p.id DESC LIMIT 1
"""
# From the last one back: nobody undoes what was said long ago.
LATEST_OF = f"""
SELECT {COLUMNS} FROM reviews r WHERE reviewer = ? AND source = 'desk' AND verdict <> 'undone'
AND NOT EXISTS (SELECT 1 FROM reviews n WHERE n.batch = r.batch AND n.path = r.path
    AND n.content_hash = r.content_hash AND n.id > r.id)
ORDER BY id DESC LIMIT 1
"""
STANDS = """
r WHERE verdict <> 'undone' AND NOT EXISTS (SELECT 1 FROM reviews n WHERE n.batch = r.batch
    AND n.path = r.path AND n.content_hash = r.content_hash AND n.id > r.id) ORDER BY id
"""
STEPS = "SELECT batch, path, content_hash, id, verdict, label, source FROM reviews ORDER BY id"
# Of a model whose facts nobody has written down, at least what it has answered is a label.
ANSWERED = "SELECT DISTINCT label FROM predictions WHERE model_version = ? AND label IS NOT NULL"


def _now() -> datetime:
    return datetime.now(UTC)


class Labels:
    """The reviews of a ledger."""

    def __init__(self, ledger: LedgerReader, now: Callable[[], datetime] = _now) -> None:
        self._database = ledger.database
        self._now = now
        # A version is known by its content: its labels never change.
        self._labels_by_version: dict[str, tuple[str, ...]] = {}

    # What stands

    def current(self, picture: PictureKey) -> Review | None:
        """Return the review that stands."""
        return _standing(self._last(picture))

    def all_current(self) -> Iterator[Review]:
        """Yield everything that stands, in the order in which it was said."""
        return self._reviews(STANDS)

    def get(self, review_id: int) -> Review | None:
        """Return a row by its id; None for what can be none, however large."""
        if not 0 < review_id <= LARGEST_ID:
            return None
        return next(self._reviews("WHERE id = ?", (review_id,)), None)

    def history(self, picture: PictureKey) -> list[Review]:
        """Return every row on a picture, oldest first."""
        key = (picture.batch, picture.path, picture.content_hash)
        return list(
            self._reviews("WHERE batch = ? AND path = ? AND content_hash = ? ORDER BY id", key)
        )

    def since(self, review_id: int) -> Iterator[Review]:
        """Yield the rows after one, undone ones and undos included; after 0: all."""
        return self._reviews("WHERE id > ? ORDER BY id", (review_id,))

    def latest_id(self) -> int:
        """Return the id of the row that was written last; 0: there is none."""
        return int(self._database.query("SELECT coalesce(max(id), 0) FROM reviews")[0][0])

    def latest_of(self, reviewer: str) -> Review | None:
        """Return what somebody said last at the desk, of what stands still."""
        rows = self._database.query(LATEST_OF, (as_utf8(reviewer),))
        return read_review(rows[0]) if rows else None

    def has_others_since(self, review_id: int, source: Source) -> bool:
        """Tell whether there are rows after one that came from anywhere but that source."""
        rows = self._database.query(
            "SELECT 1 FROM reviews WHERE id > ? AND source <> ? LIMIT 1", (review_id, source)
        )
        return bool(rows)

    def model_said(self, picture: PictureKey) -> ModelSaid:
        """Return what was found; the last review knows it of a picture that runs forgot.

        Raises UnknownPicture.
        """
        key = (picture.batch, picture.path, picture.content_hash)
        for row in self._database.query(PREDICTION, key):
            return ModelSaid(*row)
        last = self._last(picture)
        if last is None:
            raise UnknownPicture(f"no run has scored {picture.batch}/{picture.path} as it is here")
        return last.said

    def labels_of(self, picture: PictureKey) -> tuple[str, ...]:
        """Return the labels that a picture may be given, in the model's order.

        Raises UnknownPicture.
        """
        return self._labels(self.model_said(picture).model_version)

    def nothing_word(self, picture: PictureKey) -> str:
        """Return how a picture's model calls what is none of what it knows; "" for no word.

        Raises UnknownPicture.
        """
        return model_facts.nothing_word(self._database, self.model_said(picture).model_version)

    def read(self, picture: PictureKey, text: str) -> Answer | None:
        """Return what somebody wrote of a picture as an answer; None where it is none.

        Raises UnknownPicture.
        """
        return read_answer(text, self.labels_of(picture), self.nothing_word(picture))

    def steps(self) -> dict[PictureKey, list[Step]]:
        """Return what became of every picture that was ever judged, oldest first."""
        found: dict[PictureKey, list[Step]] = {}
        for batch, path, content_hash, id_, verdict, label, source in self._database.stream(STEPS):
            step = Step(id_, "" if verdict == "undone" else label or verdict, source)
            found.setdefault(PictureKey(batch, path, content_hash), []).append(step)
        return found

    # Writing

    def add(
        self,
        picture: PictureKey,
        verdict: Verdict,
        label: str | None = None,
        *,
        reviewer: str,
        source: Source,
        expected: int | None = None,
        seconds: float | None = None,
        blind: bool = False,
        note: str = "",
    ) -> Review:
        """Write down a decision on the picture that the person saw, and what the model had said.

        The same decision twice is one row: a caller who was not answered may ask again. Raises
        ReviewConflict where another review stands than ``expected``, UnknownPicture, UnknownLabel.
        """
        decision = Decision(
            picture, Answer(verdict, label), reviewer, source, expected, blind, seconds, note
        )
        with self._database.transaction() as connection:
            return self._add(connection, decision)

    def add_all(self, decisions: Iterable[Decision]) -> list[Review | ReviewRefused]:
        """Write down many in one transaction, undos too; those refused come back as the error."""
        with self._database.transaction() as connection:
            return [self._add_or_refuse(connection, decision) for decision in decisions]

    def undo(self, review_id: int, reviewer: str, source: Source = "desk") -> Review:
        """Take back a review, so that none stands; an undo is taken back by deciding anew.

        Raises ReviewConflict where it stands no longer, ReviewRefused where there is none.
        """
        with self._database.transaction() as connection:
            review = self._to_undo(review_id)
            decision = Decision(
                review.picture, Answer("undone"), reviewer, source, expected=review_id
            )
            return self._append(connection, decision, review.said)

    def _to_undo(self, review_id: int) -> Review:
        review = self.get(review_id)
        if review is None or review.verdict == "undone":
            raise ReviewRefused(f"there is no review {review_id} to undo")
        return review

    def _add_or_refuse(
        self, connection: sqlite3.Connection, decision: Decision
    ) -> Review | ReviewRefused:
        try:
            return self._add(connection, decision)
        except ReviewRefused as error:
            return error

    def _add(self, connection: sqlite3.Connection, decision: Decision) -> Review:
        if decision.answer == Answer("undone") and decision.expected is not None:
            return self._append(connection, decision, self._to_undo(decision.expected).said)
        said = self.model_said(decision.picture)
        self._require_answer(decision.answer, said.model_version)
        return self._append(connection, decision, said)

    def _append(
        self, connection: sqlite3.Connection, decision: Decision, said: ModelSaid
    ) -> Review:
        """Write a row where what is expected to stand does; inside a transaction."""
        last = self._last(decision.picture)
        standing = _standing(last)
        if last and decision.is_told_by(last):
            return last
        if (standing.id if standing else None) != decision.expected:
            raise ReviewConflict(standing)
        review = to_write(decision, said, utc_text(self._now()))
        ((id_,),) = connection.execute(INSERT, review_row(review)).fetchall()
        return replace(review, id=id_)

    def _require_answer(self, answer: Answer, version: str) -> None:
        if answer.verdict != "label":
            if answer.label is not None or answer.verdict == "undone":
                raise UnknownLabel(f"{answer.verdict} is no answer with a label; undo a review")
            return
        labels = self._labels(version)
        if answer.label not in labels:
            raise UnknownLabel(f"{answer.label} is none of the labels: {', '.join(labels)}")

    # Look-ups

    def _reviews(self, where: str, parameters: Sequence[object] = ()) -> Iterator[Review]:
        rows = self._database.query(f"SELECT {COLUMNS} FROM reviews {where}", parameters)
        return map(read_review, rows)

    def _last(self, picture: PictureKey) -> Review | None:
        key = (picture.batch, picture.path, picture.content_hash)
        rows = self._database.query(LAST, key)
        return read_review(rows[0]) if rows else None

    def _labels(self, version: str) -> tuple[str, ...]:
        if version in self._labels_by_version:
            return self._labels_by_version[version]
        facts = model_facts.find(self._database, version)
        if facts:
            return self._labels_by_version.setdefault(version, tuple(facts["labels"]))
        return tuple(label for (label,) in self._database.query(ANSWERED, (version,)))


def _standing(last: Review | None) -> Review | None:
    return None if last is None or last.verdict == "undone" else last
