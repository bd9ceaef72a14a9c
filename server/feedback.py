"""What programs say of pictures becomes reviews; the ledger is open for one request only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scoring.protocol.errors import (
    ApiError,
    Conflict,
    LedgerError,
    LedgerMissing,
    NoSuchLabel,
    NotFound,
    ScoringError,
    Unavailable,
)
from scoring.records import submissions
from scoring.records.feedback import Feedback, Outcome, Taken, take
from scoring.records.ledger_beside import open_ledger
from scoring.records.reviews import ReviewConflict, UnknownLabel, UnknownPicture
from scoring.settings import Settings
from server.dialects.feedback_form import Item, standing
from server.dialects.pictures import Picture, read_each
from server.handler import Handler
from server.prediction_request import RequestLimits
from server.submissions import BUSY_SECONDS, Submissions

# What an upload is called that came without a name.
PICTURE = "picture"
Result = Taken | ApiError


class FeedbackDesk:
    """Takes feedback for the models of one server. Thread-safe."""

    def __init__(self, handler: Handler, settings: Settings, kept: Submissions) -> None:
        self._handler = handler
        self._settings = settings
        self._kept = kept

    def take(self, model: str, items: Sequence[Item], limits: RequestLimits) -> list[Result]:
        """Write all that can be written; each item is answered with its review or its refusal.

        Raises Unavailable where the ledger cannot be used now.
        """
        outcomes = self._written(model, [item.said for item in items])
        return [
            self._unseen(model, item, limits) if _may_be_new(outcome, item) else _told(outcome)
            for outcome, item in zip(outcomes, items, strict=True)
        ]

    def _written(self, model: str, said: Sequence[Feedback]) -> list[Outcome]:
        try:
            with open_ledger(self._settings, BUSY_SECONDS) as ledger:
                return take(ledger, model, said)
        except LedgerMissing:
            return [UnknownPicture("no run has scored anything here yet")] * len(said)
        except LedgerError as error:
            raise Unavailable(f"reviews cannot be written now: {error}", code="ledger") from error

    def _unseen(self, model: str, item: Item, limits: RequestLimits) -> Result:
        """Score a picture that nobody knows, keep it as an upload, and take what is said of it."""
        if not self._settings.server.keep_submissions:
            return NotFound(
                f"{model} has scored no such picture; with server.keep_submissions = true it would"
                " be scored and kept now",
                code="unknown_picture",
            )
        signature = self._handler.signature(model)
        pictures = [Picture(PICTURE, item.picture)]
        request = read_each(pictures, signature, limits)
        if request.outcomes[0].error:
            return request.outcomes[0].error
        answer = self._handler.score(model, request.pixels)
        try:
            self._kept.write(pictures, request, answer)
        except (ScoringError, OSError) as error:
            raise Unavailable(f"the picture cannot be kept: {error}", code="ledger") from error
        said = replace(item.said, batch=submissions.batch_of(signature))
        return _told(self._written(model, [said])[0])


def _may_be_new(outcome: Outcome, item: Item) -> bool:
    is_named = item.said.batch or item.said.path
    return isinstance(outcome, UnknownPicture) and bool(item.picture) and not is_named


def _told(outcome: Outcome) -> Result:
    """Return a refusal of the records as one of the API."""
    if isinstance(outcome, Taken):
        return outcome
    if isinstance(outcome, ReviewConflict):
        found = standing(outcome.standing) if outcome.standing else None
        return Conflict(f"{outcome}; send its number as expected", standing=found)
    if isinstance(outcome, UnknownPicture):
        return NotFound(str(outcome), code="unknown_picture")
    if isinstance(outcome, UnknownLabel):
        return NoSuchLabel(str(outcome))
    return Conflict(str(outcome), code="several_pictures")
