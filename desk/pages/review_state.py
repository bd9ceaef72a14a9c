"""What the page of the queue is given: the same for its first showing, its script and its forms.

Of what a model said there is nothing in it before the person has answered, but where the settings
have it so; and nothing that tells an audited picture from a flagged one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for

from desk.pages.rendering import percent
from desk.queue import Item
from desk.review_queue import Ask
from desk.reviewing import Reviewing
from scoring.monitoring import words
from scoring.records.answers import NOT_A_GARMENT, Answer
from scoring.records.labels import Labels, Review
from scoring.records.ledger import Ledger
from scoring.records.ledger_reader import LedgerReader
from scoring.records.model_facts import nothing_word
from scoring.records.text import on_a_page

# What a batch is called before a picture's own name, which is what tells it from others.
LONGEST_BATCH = 30
# What stands on the button where the model has no words of its own for what it does not know.
NOTHING = NOT_A_GARMENT
Sentence = list[dict[str, Any]]


def state_of(
    reviewing: Reviewing,
    ledger: Ledger,
    ask: Ask,
    reviewer: str,
    items: Sequence[Item],
    back: Item | None = None,
) -> dict[str, Any]:
    """Return what is before a person, how many are left, and how long he takes.

    ``back``: a picture that an undo brought back.
    """
    return {
        "items": [item_of(reviewing, item) for item in items],
        "back": item_of(reviewing, back) if back else None,
        "models": models_of(ledger, [*items, *([back] if back else [])]),
        "left": reviewing.queue.left(ask),
        "time": times_of(reviewing, reviewer),
        "counts": {"batch": reviewing.queue.batches(ask), "reason": reviewing.queue.reasons(ask)},
    }


def item_of(reviewing: Reviewing, item: Item) -> dict[str, Any]:
    """Return a picture as the page knows it."""
    picture, version = item.candidate.picture, item.candidate.model_version
    hash_ = picture.content_hash
    shown: dict[str, Any] = {
        "id": item.id,
        "shown": on_a_page(f"{words.cut(picture.batch, LONGEST_BATCH)} / {picture.path}"),
        "model": version,
        "picture": None,
        "seen": None,
    }
    if item.near is not None:
        shown["picture"] = url_for("picture_files.thumbnail", content_hash=hash_)
    is_read = item.candidate.label is not None
    if item.near is not None and is_read:
        shown["seen"] = url_for("picture_files.seen", content_hash=hash_, version=version)
    if is_read and reviewing.shows_answer(item):
        shown["said"] = {"label": item.candidate.label, "shown": _model_answer(item)}
    return shown


def models_of(ledger: Ledger, items: Sequence[Item]) -> dict[str, Any]:
    """Return name, labels and words of each picture's model, by version."""
    found: dict[str, Any] = {}
    for item in items:
        version = item.candidate.model_version
        if version not in found:
            found[version] = {
                "name": item.candidate.model_name,
                "labels": list(Labels(ledger).labels_of(item.candidate.picture)),
                "nothing": nothing_of(ledger, version),
            }
    return found


def nothing_of(ledger: LedgerReader, version: str) -> str:
    """Return how a model calls what is none of what it knows: ``not a garment``."""
    return nothing_word(ledger.database, version) or NOTHING


def answer_in_words(ledger: LedgerReader, answer: Answer, version: str) -> str:
    """Return an answer as people of a model's things say it: ``not clothing``, ``Coat``."""
    is_nothing = answer.verdict == NOT_A_GARMENT
    return nothing_of(ledger, version) if is_nothing else str(answer)


def times_of(reviewing: Reviewing, reviewer: str) -> str:
    """Return how long a decision takes: this person, and all together."""
    times = reviewing.queue.thinking_time
    mine, everybody = times.of(reviewer), times.of_all()
    if everybody is None:
        return ""
    if mine is None or mine.count == everybody.count:
        return str(everybody)
    return f"you: {mine}; all: {everybody}"


def told_of(ledger: LedgerReader, review: Review) -> Sentence:
    """Return what is told of a review: what the person said, and what the model had."""
    if review.verdict == "undone":
        return [_plain("Taken back.")]
    parts = [_plain("Saved: you said "), _strong(_words(ledger, review)), _plain(", the model ")]
    if review.said.predicted is None:
        return [*parts, _plain("could not say.")]
    return [
        *parts,
        _strong(review.said.predicted),
        _plain(f" ({percent(review.said.confidence)})."),
    ]


def told_of_standing(
    ledger: LedgerReader, standing: Review | None, reviewer: str, seconds_ago: float
) -> Sentence:
    """Return what is told of an answer or an undo that came second."""
    if standing is None:
        return [_plain("Somebody took that review back meanwhile; the picture waits again.")]
    who = "You" if standing.reviewer == reviewer else standing.reviewer
    said = [_strong(who), _plain(" said "), _strong(_words(ledger, standing))]
    return [*said, _plain(f" {_ago(seconds_ago)}; that stands.")]


def _model_answer(item: Item) -> str:
    return f"{item.candidate.label} ({percent(item.candidate.confidence)})"


def _words(ledger: LedgerReader, review: Review) -> str:
    return answer_in_words(ledger, review.answer, review.said.model_version)


def _ago(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f}\N{NO-BREAK SPACE}s ago"


def _plain(text: str) -> dict[str, Any]:
    return {"text": text}


def _strong(text: str) -> dict[str, Any]:
    return {"text": on_a_page(text), "strong": True}
