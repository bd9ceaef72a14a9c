"""What programs say of pictures becomes reviews; the ledger is open for one request only."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

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
from scoring.protocol.frame_codec import too_many_rows
from scoring.protocol.signature import Signature
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
NOT_KEPT = "{} has scored no such picture; server.keep_submissions = true would score and keep it"
Result = Taken | ApiError


class FeedbackDesk:
    """Takes feedback for the models of one server. Thread-safe."""

    def __init__(self, handler: Handler, settings: Settings, kept: Submissions) -> None:
        self._handler = handler
        self._settings = settings
        self._kept = kept

    def take(self, model: str, items: Sequence[Item], limits: RequestLimits) -> list[Result]:
        """Write all that can be written; each item is answered with its review or its refusal.

        Raises Unavailable where the ledger cannot be used now, TooLarge where more pictures are to
        be scored than a request may have.
        """
        results = self._written(model, [item.said for item in items])
        new = [place for place, item in enumerate(items) if _may_be_new(results[place], item)]
        if new:
            unseen = self._unseen(model, [items[place] for place in new], limits)
            for place, result in zip(new, unseen, strict=True):
                results[place] = result
        return results

    def _written(self, model: str, said: Sequence[Feedback]) -> list[Result]:
        try:
            with open_ledger(self._settings, BUSY_SECONDS) as ledger:
                return [_told(outcome) for outcome in take(ledger, model, said)]
        except LedgerMissing:
            nothing = UnknownPicture("no run has scored anything here yet")
            return [_told(nothing) for _ in said]
        except LedgerError as error:
            raise Unavailable(f"reviews cannot be written now: {error}", code="ledger") from error

    def _unseen(self, model: str, items: Sequence[Item], limits: RequestLimits) -> list[Result]:
        """Score pictures that nobody knows, keep them as uploads, and take what is said of them."""
        if not self._settings.server.keep_submissions:
            return [NotFound(NOT_KEPT.format(model), code="unknown_picture") for _ in items]
        signature = self._handler.signature(model)
        files = {item.said.content_hash: item.picture for item in items}
        unread = self._kept_pictures(signature, [*files.values()], limits)
        errors = dict(zip(files, unread, strict=True))
        readable = [item.said for item in items if not errors[item.said.content_hash]]
        batch = submissions.batch_of(signature)
        taken = iter(self._written(model, [replace(said, batch=batch) for said in readable]))
        return [errors[item.said.content_hash] or next(taken) for item in items]

    def _kept_pictures(
        self, signature: Signature, files: Sequence[bytes], limits: RequestLimits
    ) -> list[ApiError | None]:
        """Score pictures and keep them; return of each why it cannot be read, if it cannot."""
        if len(files) > limits.rows:
            raise too_many_rows(len(files), limits.rows)
        limits.take(len(files) * signature.input.row_length)
        pictures = [Picture(PICTURE, data) for data in files]
        request = read_each(pictures, signature, limits)
        answer = self._handler.score(signature.name, request.pixels)
        try:
            self._kept.write(pictures, request, answer)
        except (ScoringError, OSError) as error:
            raise Unavailable(f"pictures cannot be kept now: {error}", code="ledger") from error
        return [outcome.error for outcome in request.outcomes]


def _may_be_new(result: Result, item: Item) -> bool:
    is_unknown = isinstance(result, NotFound)
    return is_unknown and bool(item.picture) and not (item.said.batch or item.said.path)


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
