"""What waits to be reviewed, in order, and who has what before him; for all threads of the desk.

The pictures are read from the ledger where a page is opened, and where it asks whether there is
more; a key press only adds what was said since. So its answer takes no longer with more rows.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from itertools import chain
from threading import Lock, RLock
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from desk.leases import Leases
from desk.queue import Item, in_order, picture_id
from desk.thinking_time import ThinkingTime
from scoring.records import waiting
from scoring.records.labels import Labels, Review
from scoring.records.ledger_reader import LedgerReader

# What changes the queue without a new run (pictures that are kept a little later, days that pass).
LOOK_AGAIN_SECONDS = 30.0

Part = Literal["all", "flagged", "audit"]
LooksLike = Callable[[str], int | None]


class Ask(Struct, frozen=True):
    """What one showing of the page (``visit``) wants: so many pictures, of a batch, for a reason.

    ``holding`` are those it has already; they are its own where nobody else took them meanwhile.
    """

    holder: str
    visit: str
    part: Part = "all"
    batch: str | None = None
    reason: str | None = None
    wanted: int = 1
    holding: Collection[str] = ()
    label: str | None = None

    def takes(self, item: Item) -> bool:
        """Tell whether a picture is one of those asked for."""
        found = item.candidate
        by_part = self.part == "all" or (self.part == "flagged") == found.wants_a_person
        by_batch = self.batch in (None, found.picture.batch)
        by_label = self.label in (None, found.label)
        by_reason = self.reason is None or self.reason in item.reasons
        return by_part and by_batch and by_label and by_reason

    @property
    def takes_all(self) -> bool:
        """Whether it asks for whatever waits."""
        return self.part == "all" and self.batch is self.reason is self.label is None

    def of_label(self, label: str, wanted: int) -> Ask:
        """Ask for so many that the model gave a label."""
        return replace(self, label=label, wanted=wanted)


class ReviewQueue:
    """The queue of one desk."""

    def __init__(self, lease_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = RLock()
        self._reading = Lock()
        self._clock = clock
        self._leases = Leases(lease_seconds, clock)
        # All of the last days, in order; those of them that wait; those that wait to be last.
        self._items: dict[str, Item] = {}
        self._waits: dict[str, Item] = {}
        self._put_off: dict[str, None] = {}
        self._last_review = 0
        self._state: tuple[int, ...] | None = None
        self._looked = 0.0
        self.thinking_time = ThinkingTime()

    # What the ledger says

    def look(self, ledger: LedgerReader, since: datetime, looks_like: LooksLike) -> None:
        """Read which pictures of runs since a time there are, where that may have changed.

        While one request reads, the others go on with what there was.
        """
        if self._reading.acquire(blocking=not self.is_read()):
            try:
                self._look(ledger, since, looks_like)
            finally:
                self._reading.release()
        self.follow(ledger)

    def is_read(self) -> bool:
        """Tell whether it has been looked at since the desk was started."""
        return self._state is not None

    def _look(self, ledger: LedgerReader, since: datetime, looks_like: LooksLike) -> None:
        state = waiting.state(ledger)
        if state == self._state and self._clock() - self._looked <= LOOK_AGAIN_SECONDS:
            return
        if self._state is None:
            self._last_review = Labels(ledger).latest_id()
            self.thinking_time.add_all(waiting.thinking_times(ledger, since))
        before = self._last_review
        items = self._read(ledger, since, looks_like)
        with self._lock:
            self._items = items
            self._let_wait({id_ for id_, item in items.items() if not item.candidate.is_settled})
            # What was said while they were read.
            for review in Labels(ledger).since(before):
                self._settle(review)
            self._state, self._looked = state, self._clock()

    def _read(
        self, ledger: LedgerReader, since: datetime, looks_like: LooksLike
    ) -> dict[str, Item]:
        known = {
            item.candidate.picture.content_hash: item.near
            for item in self._items.values()
            if item.near is not None
        }
        found = [
            (one, known[content] if content in known else looks_like(content))
            for one in waiting.candidates(ledger, since)
            for content in [one.picture.content_hash]
        ]
        # What failed and left no picture is a file to look after, and nothing to look at.
        shown = [(one, near) for one, near in found if one.error is None or near is not None]
        return {item.id: item for item in in_order(shown)}

    def _let_wait(self, ids: Collection[str]) -> None:
        """Put those that wait into their order, those put off behind the others."""
        first = (id_ for id_ in self._items if id_ in ids and id_ not in self._put_off)
        last = (id_ for id_ in self._put_off if id_ in ids and id_ in self._items)
        self._waits = {id_: self._items[id_] for id_ in (*first, *last)}

    def follow(self, ledger: LedgerReader) -> None:
        """Add what was said since the last time, here or elsewhere (a table, another program)."""
        with self._lock:
            for review in Labels(ledger).since(self._last_review):
                self._last_review = review.id
                self.thinking_time.add(review.reviewer, review.seconds)
                self._settle(review)

    def _settle(self, review: Review) -> None:
        id_ = picture_id(review.picture)
        if review.verdict == "undone":
            self._let_wait({*self._waits, id_})
        else:
            self._waits.pop(id_, None)
            self._put_off.pop(id_, None)

    # What people ask for

    def take(self, ask: Ask) -> list[Item]:
        """Return the pictures for one page, held from now on; those it has come first."""
        with self._lock:
            mine = self._leases.held_by(ask.holder) | set(ask.holding)
            taken: list[Item] = []
            for item in chain(self._in_order(mine), self._waits.values()):
                if len(taken) == ask.wanted:
                    break
                if item in taken or not ask.takes(item):
                    continue
                if self._leases.take(item.id, ask.holder, ask.visit):
                    taken.append(item)
            return taken

    def _in_order(self, ids: Collection[str]) -> list[Item]:
        """Return those of some pictures that wait, in their order."""
        if not ids:
            return []
        return [self._waits[id_] for id_ in self._waits if id_ in ids]

    def find(self, id_: str) -> Item | None:
        """Return a picture by its id, judged or not."""
        with self._lock:
            return self._items.get(id_)

    def is_waiting(self, id_: str) -> bool:
        """Tell whether a picture is one that a person is to look at, and nobody's word stands."""
        with self._lock:
            return id_ in self._waits

    def waiting(self, ask: Ask) -> list[Item]:
        """Return all of those asked for that wait, in order; none is held by that."""
        with self._lock:
            return list(self._waiting(ask))

    def hold(self, id_: str, ask: Ask) -> None:
        """Hold a picture that came back, where nobody else does."""
        with self._lock:
            self._leases.take(id_, ask.holder, ask.visit)

    def put_off(self, id_: str, holder: str) -> None:
        """Show a picture after all others, to whomever."""
        with self._lock:
            self._put_off.pop(id_, None)
            self._put_off[id_] = None
            if id_ in self._waits:
                self._waits[id_] = self._waits.pop(id_)
            self._leases.free(id_, holder)

    def let_go(self, id_: str, holder: str) -> None:
        """Hold a picture no longer."""
        with self._lock:
            self._leases.free(id_, holder)

    def leave(self, holder: str, visit: str) -> None:
        """Let others have what a page that was left had asked for."""
        with self._lock:
            self._leases.leave(holder, visit)

    def left(self, ask: Ask) -> int:
        """Return how many of those asked for wait, those before other people too."""
        with self._lock:
            return len(self._waits) if ask.takes_all else sum(1 for _ in self._waiting(ask))

    def batches(self, ask: Ask) -> Counter[str]:
        """Return how many wait of each batch, whichever was asked for."""
        every = Ask(ask.holder, ask.visit, ask.part)
        with self._lock:
            return Counter(item.candidate.picture.batch for item in self._waiting(every))

    def reasons(self, ask: Ask) -> Counter[str]:
        """Return how many wait for each reason, of the batch that was asked for."""
        every = Ask(ask.holder, ask.visit, ask.part, ask.batch)
        with self._lock:
            return Counter(reason for item in self._waiting(every) for reason in item.reasons)

    def kinds(self, ask: Ask) -> Counter[str]:
        """Return how many wait of those asked for because they were flagged, failed or drawn."""
        with self._lock:
            return Counter(item.candidate.kind for item in self._waiting(ask))

    def labels(self, ask: Ask) -> Counter[str]:
        """Return how many wait of those asked for by what the model said; failed ones left out."""
        with self._lock:
            labels = (item.candidate.label for item in self._waiting(ask))
            return Counter(label for label in labels if label is not None)

    def _waiting(self, ask: Ask) -> Iterator[Item]:
        return filter(ask.takes, self._waits.values())
