"""What programs say of pictures that a model has scored: reviews, as those of the desk are.

A program names a picture by its content, its place, or both; what one run saw there last is meant.
The same said twice by the same person is one review.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from scoring.records.answers import Answer
from scoring.records.database import Database
from scoring.records.labels import Labels
from scoring.records.ledger import Ledger
from scoring.records.reviews import (
    Decision,
    PictureKey,
    Review,
    ReviewRefused,
    UnknownLabel,
    UnknownPicture,
)

# What is told of the places of one content.
PLACES_TOLD = 5
# Of each place the content that the newest run found there; a hash is looked up by its beginning,
# of which there is an index.
FIND = """
SELECT p.batch, p.path, p.content_hash, max(coalesce(r.number, 0))
FROM predictions p {index} LEFT JOIN runs r ON r.id = p.run_id
LEFT JOIN run_batches b ON b.run_id = p.run_id AND b.batch = p.batch
LEFT JOIN models m ON m.version = p.model_version
WHERE {where} AND p.content_hash <> ''
    AND coalesce(nullif(b.model_name, ''), nullif(r.model_name, ''), m.name, '') = ?
GROUP BY p.batch, p.path LIMIT ?
"""
# Without a word SQLite would rather walk through all pictures in the order that GROUP BY wants.
BY_CONTENT = "INDEXED BY predictions_by_content"
# And without the plus it would put the hash in the place of the column, also within substr.
CONTENT = "substr(p.content_hash, 1, 8) = substr(?1, 1, 8) AND +p.content_hash = ?1"


class SeveralPictures(ReviewRefused):
    """A content lies in several places, and none of them was named."""

    code = "several-pictures"


class Feedback(Struct, frozen=True):
    """What is said of one picture.

    ``answer`` is what somebody wrote: a label, or one of the words that stand for none; an Answer
    where it was said which of the two is meant, for a model may have a class of that word.
    ``expected`` the id of the review that the sender saw standing, None: he saw none. Of
    ``content_hash``, or ``batch`` and ``path``, what is not "" must fit.
    """

    answer: str | Answer
    reviewer: str
    note: str = ""
    expected: int | None = None
    content_hash: str = ""
    batch: str = ""
    path: str = ""


class Taken(Struct, frozen=True):
    """The review that stands now; ``is_new``: it did not before."""

    review: Review
    is_new: bool


Outcome = Taken | ReviewRefused


def take(ledger: Ledger, model: str, said: Sequence[Feedback]) -> list[Outcome]:
    """Write down what is said of pictures of one model, each alone: a refusal stops no other.

    A refusal is UnknownPicture, UnknownLabel, SeveralPictures or ReviewConflict.
    """
    labels, last = Labels(ledger), Labels(ledger).latest_id()
    prepared = [_prepared(labels, ledger.database, model, one) for one in said]
    decisions = [one for one in prepared if isinstance(one, Decision)]
    written = iter(labels.add_all(decisions) if decisions else ())
    return [_taken(next(written), last) if isinstance(one, Decision) else one for one in prepared]


def _taken(outcome: Review | ReviewRefused, last: int) -> Outcome:
    return Taken(outcome, outcome.id > last) if isinstance(outcome, Review) else outcome


def _prepared(labels: Labels, database: Database, model: str, said: Feedback) -> Decision | Outcome:
    """Return what is to be written, what stands already, or why it cannot be."""
    try:
        picture = _find(database, model, said)
        answer = _answer(labels, picture, model, said.answer)
    except ReviewRefused as refused:
        return refused
    standing = labels.current(picture)
    if standing and (standing.answer, standing.reviewer) == (answer, said.reviewer):
        return Taken(standing, is_new=False)
    return Decision(picture, answer, said.reviewer, "api", said.expected, note=said.note)


def _answer(labels: Labels, picture: PictureKey, model: str, said: str | Answer) -> Answer:
    found = labels.model_said(picture).model_name
    if found != model:
        raise UnknownPicture(
            f"{picture.batch}/{picture.path} was scored by {found} since: send it there"
        )
    answer = said if isinstance(said, Answer) else labels.read(picture, said)
    if answer is None:
        known = labels.labels_of(picture)
        raise UnknownLabel(f"{said} is none of the labels: {', '.join(known)}")
    return answer


def _find(database: Database, model: str, said: Feedback) -> PictureKey:
    where, values = _criteria(said)
    index = BY_CONTENT if said.content_hash else ""
    statement = FIND.format(where=" AND ".join(where), index=index)
    rows = database.query(statement, [*values, model, PLACES_TOLD + 1])
    if not rows:
        raise UnknownPicture(f"{model} has scored no such picture")
    if len(rows) > 1:
        places = ", ".join(f"{batch}/{path}" for batch, path, *_ in rows[:PLACES_TOLD])
        more = " and more" if len(rows) > PLACES_TOLD else ""
        raise SeveralPictures(f"it lies in several places, name one of them: {places}{more}")
    batch, path, content_hash, _ = rows[0]
    return PictureKey(batch, path, content_hash)


def _criteria(said: Feedback) -> tuple[list[str], list[Any]]:
    """Return the conditions of a picture and what they are filled with, the content first."""
    where, values = [], []
    if said.content_hash:
        where, values = [CONTENT], [said.content_hash]
    for column, value in (("batch", said.batch), ("path", said.path)):
        if value:
            where.append(f"p.{column} = ?")
            values.append(value)
    return where, values
