"""What a person does at the queue: take pictures, answer, undo, put off; and what he is told."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from threading import Thread
from typing import cast

from flask import Flask, current_app
from msgspec import Struct

from desk.kept_open import KeptOpen
from desk.queue import Item, picture_id
from desk.review_queue import Ask, LooksLike, ReviewQueue
from scoring.protocol.errors import BadRequest, ScoringError
from scoring.records import waiting
from scoring.records.answers import Answer
from scoring.records.labels import Decision, Labels, PictureKey, Review, ReviewConflict
from scoring.records.ledger import Ledger
from scoring.records.ledger_beside import open_ledger
from scoring.records.times import ago
from scoring.settings import Settings

NAME = "scoring.desk.reviewing"

# So many are read while a page waits for them, 0.2 s; more are read beside it.
READ_AT_ONCE = 5_000
# Whoever took longer was away.
LONGEST_SECONDS = 3600.0


class Outcome(Struct, frozen=True):
    """What became of an answer or an undo.

    ``review`` was written; or ``standing`` was there before it (None: an undo was), and nothing was
    written. ``back`` waits again.
    """

    review: Review | None = None
    standing: Review | None = None
    back: Item | None = None

    @property
    def is_conflict(self) -> bool:
        return self.review is None


class Accepted(Struct, frozen=True):
    """Of how many pictures one answer ``stands``, and of how many another does (``conflicts``).

    ``foreign``: those that cannot have it; another model has scored them by now.
    """

    stands: int
    conflicts: int
    foreign: int


class Reviewing:
    """The queue of one desk beside its ledger; ``pictures`` tells how pictures look."""

    def __init__(self, settings: Settings, looks_like: LooksLike) -> None:
        self.blind = settings.desk.blind
        self.queue = ReviewQueue(settings.desk.lease_seconds)
        self._days = settings.desk.days
        self._looks_like = looks_like
        self._kept_open = KeptOpen(settings.ledger_file)
        self._settings = settings
        self._reading: Thread | None = None

    def look(self, ledger: Ledger, now: datetime) -> None:
        """Read what waits, where that may have changed."""
        self.queue.look(ledger, ago(now, self._days), self._looks_like)

    def look_if_few(self, ledger: Ledger, now: datetime) -> bool:
        """Read what waits, much of it beside the page; tell whether anything is known yet."""
        if waiting.about(ledger, ago(now, self._days)) <= READ_AT_ONCE:
            self.look(ledger, now)
        elif self._reading is None or not self._reading.is_alive():
            self._reading = Thread(target=self._look_beside, args=(now,), daemon=True)
            self._reading.start()
        if self.queue.is_read():
            self.queue.follow(ledger)
        return self.queue.is_read()

    def _look_beside(self, now: datetime) -> None:
        # A page that needs what waits reads it itself, and tells of the same trouble.
        with suppress(ScoringError), open_ledger(self._settings) as ledger:
            self.look(ledger, now)

    def shows_answer(self, item: Item) -> bool:
        """Tell whether the model's answer is shown before the person's."""
        return not self.blind and item.candidate.wants_a_person

    def hides(self, id_: str) -> bool:
        """Tell whether what the model said of a picture is to be shown nowhere as yet."""
        item = self.queue.find(id_)
        return item is not None and self.queue.is_waiting(id_) and not self.shows_answer(item)

    def answer(
        self, ledger: Ledger, ask: Ask, picture: PictureKey, answer: Answer, reviewer: str,
        seconds: float | None = None,
    ) -> Outcome:  # fmt: skip
        """Write an answer down, where nobody else's stands.

        Raises UnknownPicture, UnknownLabel.
        """
        self._kept_open.touch()
        labels = Labels(ledger)
        known = seconds is not None and 0 <= seconds <= LONGEST_SECONDS
        try:
            review = labels.add(
                picture, answer.verdict, answer.label, reviewer=reviewer, source="desk",
                seconds=seconds if known else None,
                blind=self._is_blind(labels, picture, reviewer),
            )  # fmt: skip
            outcome = Outcome(review)
        except ReviewConflict as conflict:
            outcome = Outcome(standing=conflict.standing)
        self.queue.follow(ledger)
        self.queue.let_go(picture_id(picture), ask.holder)
        return outcome

    def answer_all(
        self, ledger: Ledger, pictures: Iterable[PictureKey], answer: Answer, reviewer: str
    ) -> Accepted:
        """Give many pictures one answer, in one transaction; return what became of it."""
        decisions = [Decision(picture, answer, reviewer, "desk") for picture in pictures]
        written = Labels(ledger).add_all(decisions)
        self.queue.follow(ledger)
        stands = sum(isinstance(one, Review) for one in written)
        conflicts = sum(isinstance(one, ReviewConflict) for one in written)
        return Accepted(stands, conflicts, len(written) - stands - conflicts)

    def _is_blind(self, labels: Labels, picture: PictureKey, reviewer: str) -> bool:
        """Tell whether the model's answer was hidden: who answered before has been told it."""
        item = self.queue.find(picture_id(picture))
        is_hidden = item is not None and not self.shows_answer(item)
        return is_hidden and all(one.reviewer != reviewer for one in labels.history(picture))

    def undo(self, ledger: Ledger, ask: Ask, review_id: int | None, reviewer: str) -> Outcome:
        """Take back a review, by default the last one of this reviewer's that stands.

        Raises BadRequest where there is none, ReviewRefused where it was no review.
        """
        labels = Labels(ledger)
        if review_id is None:
            latest = labels.latest_of(reviewer)
            if latest is None:
                raise BadRequest("there is nothing to undo", code="nothing_to_undo")
            review_id = latest.id
        try:
            undone = labels.undo(review_id, reviewer)
        except ReviewConflict as conflict:
            return Outcome(standing=conflict.standing)
        self.queue.follow(ledger)
        id_ = picture_id(undone.picture)
        self.queue.hold(id_, ask)
        return Outcome(undone, back=self.queue.find(id_))

    def later(self, ask: Ask, picture: PictureKey) -> None:
        """Show a picture after all others."""
        self.queue.put_off(picture_id(picture), ask.holder)


def register(app: Flask, reviewing: Reviewing) -> None:
    """Give the application its queue."""
    app.extensions[NAME] = reviewing


def the_reviewing() -> Reviewing:
    """Return the queue of the desk that answers this request."""
    return cast(Reviewing, current_app.extensions[NAME])
