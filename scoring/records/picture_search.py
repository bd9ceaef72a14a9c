"""Pictures found in the ledger, newest first, a page at a time: by name, batch, class, reason.

A page goes on from the id where the one before ended, and looks at no more than ``AT_ONCE`` rows:
so its time grows neither with the ledger nor with the page's number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from scoring.records.answers import Answer
from scoring.records.database import LARGEST_ID
from scoring.records.ledger_reader import LedgerReader
from scoring.records.reviews import PictureKey
from scoring.records.text import as_searched

# 50 ms on a slow core, where nothing is found.
AT_ONCE = 100_000
# The reason of pictures that could not be read.
FAILED = "failed"

# Of a file what the latest run found; the word that stands on it is that of its last review.
SCORED = """
SELECT p.id, p.batch, p.path, p.content_hash, p.run_id, p.label, p.confidence, p.review, p.error,
    v.verdict, v.label, v.reviewer, p.model_version
FROM predictions p JOIN runs made ON made.id = p.run_id
LEFT JOIN reviews v ON v.id = (SELECT max(id) FROM reviews WHERE batch = p.batch
    AND path = p.path AND content_hash = p.content_hash)
WHERE p.id < :before AND p.id >= :down_to AND made.state <> 'running' {conditions}
AND NOT EXISTS (SELECT 1 FROM predictions q JOIN runs s ON s.id = q.run_id
    WHERE q.batch = p.batch AND q.path = p.path AND q.id <> p.id AND s.number > made.number)
ORDER BY p.id DESC
"""
REVIEWED = """
SELECT v.id, v.batch, v.path, v.content_hash, v.run_id, v.predicted, v.confidence, v.flagged, NULL,
    v.verdict, v.label, v.reviewer, v.model_version
FROM reviews v
WHERE v.id < :before AND v.id >= :down_to AND v.verdict <> 'undone' {conditions}
AND NOT EXISTS (SELECT 1 FROM reviews n WHERE n.batch = v.batch AND n.path = v.path
    AND n.content_hash = v.content_hash AND n.id > v.id)
ORDER BY v.id DESC
"""
# Looked up once, and not for every picture.
LABELLED = {
    False: "p.id IN (SELECT x.id FROM reviews w JOIN predictions x ON x.batch = w.batch"
    " AND x.path = w.path AND x.content_hash = w.content_hash WHERE w.label = :label)",
    True: "v.label = :label",
}
SAID = """
SELECT p.run_id, coalesce(nullif(b.model_name, ''), m.name, ''), p.model_version, p.label,
    p.confidence, p.second_label, p.second_confidence, p.review, p.error
FROM predictions p LEFT JOIN runs r ON r.id = p.run_id
LEFT JOIN run_batches b ON b.run_id = p.run_id AND b.batch = p.batch
LEFT JOIN models m ON m.version = p.model_version
WHERE p.batch = ? AND p.path = ? AND p.content_hash = ? AND coalesce(r.state, '') <> 'running'
ORDER BY r.number DESC, p.id DESC
"""
LATEST = {False: "SELECT max(id) FROM predictions", True: "SELECT max(id) FROM reviews"}
BATCHES = (
    "SELECT b.batch FROM run_batches b JOIN runs r ON r.id = b.run_id"
    " GROUP BY b.batch ORDER BY max(r.number) DESC LIMIT 500"
)


class Wanted(Struct, frozen=True):
    """What is looked for; empty: anything. ``reviewed``: pictures on which somebody's word stands.

    ``name`` is a part of the path, or of ``batch/path`` where it has a ``/``, as pages call a
    picture; ``label`` what the model said, or a person.
    """

    name: str = ""
    batch: str = ""
    label: str = ""
    reason: str = ""
    reviewed: bool = False

    def is_named(self, picture: PictureKey) -> bool:
        """Tell whether a picture has the name that is looked for."""
        name = f"{picture.batch}/{picture.path}" if "/" in self.name else picture.path
        return as_searched(self.name) in as_searched(name)

    @property
    def tells_what_was_said(self) -> bool:
        """Whether being found tells something of what the model said."""
        return bool(self.label or self.reason)


class Found(Struct, frozen=True):
    """One picture: what the model said, and the word that stands; ``id`` is its place."""

    id: int
    picture: PictureKey
    run_id: str
    label: str | None
    confidence: float | None
    flagged: str | None
    error: str | None
    answer: Answer | None
    reviewer: str | None
    model_version: str


class Said(Struct, frozen=True):
    """What one model said of a picture: a label with its confidence (0 to 1), or an error."""

    run_id: str
    model_name: str
    model_version: str
    label: str | None
    confidence: float | None
    second_label: str | None
    second_confidence: float | None
    flagged: str | None
    error: str | None


class Page(Struct, frozen=True):
    """Some pictures; ``before`` is where the next page goes on, None: there is no more."""

    found: tuple[Found, ...]
    before: int | None


def search(
    ledger: LedgerReader,
    wanted: Wanted,
    *,
    before: int | None = None,
    limit: int = 60,
    takes: Callable[[Found], bool] = lambda _: True,
) -> Page:
    """Return the next pictures; those that ``takes`` refuses are passed over.

    A page may be short, or empty, and there be more all the same: the rest lies further back.
    """
    if before is None:
        newest = ledger.database.query(LATEST[wanted.reviewed])[0][0]
        before = (newest or 0) + 1
    before = min(before, LARGEST_ID)
    down_to = max(before - AT_ONCE, 0)
    found = []
    for one in _rows(ledger, wanted, before, down_to):
        if takes(one):
            found.append(one)
        if len(found) == limit:
            return Page(tuple(found), one.id if one.id > 1 else None)
    return Page(tuple(found), down_to if down_to > 1 else None)


def said_of(ledger: LedgerReader, picture: PictureKey) -> list[Said]:
    """Return what models said of a picture, that of the latest run first."""
    key = (picture.batch, picture.path, picture.content_hash)
    return [Said(*row) for row in ledger.database.query(SAID, key)]


def batches(ledger: LedgerReader) -> list[str]:
    """Return the names of batches, those of the latest runs first."""
    return [batch for (batch,) in ledger.database.query(BATCHES)]


def _rows(ledger: LedgerReader, wanted: Wanted, before: int, down_to: int) -> Iterator[Found]:
    conditions, given = _conditions(wanted)
    statement = (REVIEWED if wanted.reviewed else SCORED).format(conditions=conditions)
    given |= {"before": before, "down_to": down_to}
    for row in ledger.database.stream(statement, given):
        yield _found(row)


def _conditions(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    table = "v" if wanted.reviewed else "p"
    said, flagged = ("predicted", "flagged") if wanted.reviewed else ("label", "review")
    reason = f"instr('; ' || {table}.{flagged} || '; ', '; ' || :reason || '; ') > 0"
    if wanted.reason == FAILED:
        # The name is bound, too, so that both are asked alike.
        reason = f"{table}.{said} IS NULL AND :reason <> ''"
    batch = f"{table}.batch || '/' || " if "/" in wanted.name else ""
    possible = {
        "name": f"instr(as_searched({batch}{table}.path), :name) > 0",
        "batch": f"{table}.batch = :batch",
        "label": f"({table}.{said} = :label OR {LABELLED[wanted.reviewed]})",
        "reason": reason,
    }
    given = {name: value for name in possible if (value := getattr(wanted, name))}
    conditions = "".join(f" AND {possible[name]}" for name in given)
    if "name" in given:
        given["name"] = as_searched(given["name"])
    return conditions, given


def _found(row: Any) -> Found:
    id_, batch, path, content_hash, run_id, label, confidence, flagged, error, *review = row
    verdict, given, reviewer, version = review
    answer = None if verdict in (None, "undone") else Answer(verdict, given)
    return Found(
        id_, PictureKey(batch, path, content_hash), run_id, label, confidence, flagged, error,
        answer, reviewer if answer else None, version,
    )  # fmt: skip
