"""What waits to be reviewed, as Today tells it, and how long people take."""

from __future__ import annotations

from msgspec import Struct

from desk import sessions
from desk.context import the_desk
from desk.review_queue import Ask, Part
from desk.reviewing import the_reviewing
from scoring.monitoring import words
from scoring.records.ledger import Ledger


class Waits(Struct, frozen=True):
    """How many pictures wait, by batch and by reason; ``why``: how many flagged, how many drawn.

    ``has_sample``: some of them were drawn for the audit; ``audit`` those that have their own page.
    """

    left: int
    why: str
    batches: list[tuple[str, int]]
    reasons: list[tuple[str, int]]
    has_sample: bool
    audit: int
    pace: str


def what_waits(ledger: Ledger) -> Waits | None:
    """Read the queue and return what it holds; None: there is much, and it is being read."""
    reviewing = the_reviewing()
    if not reviewing.look_if_few(ledger, the_desk().now()):
        return None
    part: Part = "all" if reviewing.blind else "flagged"
    ask = Ask(holder=sessions.holder(), visit="", part=part)
    queue = reviewing.queue
    kinds = queue.kinds(ask)
    times = queue.thinking_time.of_all()
    return Waits(
        left=queue.left(ask),
        why=words.for_review(kinds["flagged"], kinds["drawn"], kinds["failed"]),
        batches=queue.batches(ask).most_common(),
        reasons=queue.reasons(ask).most_common(),
        has_sample=kinds["drawn"] > 0,
        audit=0 if reviewing.blind else queue.left(Ask(ask.holder, "", "audit")),
        pace=str(times) if times else "",
    )
