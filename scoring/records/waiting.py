"""Which pictures wait for a person: what runs of the last days flagged, could not name, or drew.

Of a file only what the latest run found counts. A run that has not ended yet shows none of its own:
its audit sample is drawn at its end, and until then nothing but flagged pictures would wait.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from scoring.records.ledger_reader import LedgerReader
from scoring.records.reviews import PictureKey
from scoring.records.times import utc_text

ENDED_SINCE = "r.state NOT IN ('running', 'missed') AND r.started_at >= ?"
COLUMNS = """
SELECT p.batch, p.path, p.content_hash, p.model_version, coalesce(b.model_name, ''), p.label,
    p.confidence, p.review, p.error,
    (SELECT verdict FROM reviews v WHERE v.batch = p.batch AND v.path = p.path
        AND v.content_hash = p.content_hash ORDER BY v.id DESC LIMIT 1)
"""
# CROSS JOIN: from the few runs to their pictures, never through the pictures of years.
# What is newer goes by the number of its run: a prediction is written anew where it was.
NEWEST = """
LEFT JOIN runs made ON made.id = p.run_id
LEFT JOIN run_batches b ON b.run_id = p.run_id AND b.batch = p.batch
WHERE p.content_hash <> '' AND NOT EXISTS (
    SELECT 1 FROM predictions q JOIN runs s ON s.id = q.run_id
    WHERE q.batch = p.batch AND q.path = p.path AND q.id <> p.id AND s.number > made.number)
"""
FLAGGED = f"""{COLUMNS}, 0
FROM runs r CROSS JOIN predictions p INDEXED BY predictions_flagged ON p.run_id = r.id
{NEWEST} AND (p.review IS NOT NULL OR p.error IS NOT NULL) AND {ENDED_SINCE}
"""
SAMPLED = f"""{COLUMNS}, 1
FROM runs r JOIN audit_sample a ON a.run_id = r.id
JOIN predictions p ON p.batch = a.batch AND p.path = a.path AND p.content_hash = a.content_hash
{NEWEST} AND {ENDED_SINCE}
"""
# What the answers to both depend on, but for the reviews; cheap to ask at every turn.
STATE = """
SELECT (SELECT count(*) FROM runs WHERE state <> 'running'),
    (SELECT max(number) FROM runs WHERE state <> 'running'),
    (SELECT count(*) FROM audit_sample)
"""
# How much is to be read, from the figures that runs leave.
COUNTED = f"""
SELECT coalesce(sum(b.flagged + b.failed), 0) FROM runs r JOIN run_batches b ON b.run_id = r.id
WHERE {ENDED_SINCE}
"""
# How long each decision since then took, and whose it was.
SECONDS = "SELECT reviewer, seconds FROM reviews WHERE seconds IS NOT NULL AND decided_at >= ?"


class Candidate(Struct, frozen=True):
    """A picture that a person is to look at, or has looked at, with what its model said.

    ``label`` and ``confidence`` (0 to 1), or ``error``; ``flagged`` the model's words, ``sampled``
    whether it was drawn for the audit, ``verdict`` that of its last review, None where it has none.
    """

    picture: PictureKey
    model_version: str
    model_name: str
    label: str | None
    confidence: float | None
    flagged: str | None
    error: str | None
    verdict: str | None
    sampled: bool

    @property
    def wants_a_person(self) -> bool:
        """Whether the model itself asked for one."""
        return self.flagged is not None or self.error is not None

    @property
    def kind(self) -> str:
        """Why a person is to look at it: it is ``flagged``, ``failed``, or ``drawn`` at random."""
        if self.flagged is not None:
            return "flagged"
        return "drawn" if self.error is None else "failed"

    @property
    def is_settled(self) -> bool:
        """Whether somebody's word stands."""
        return self.verdict not in (None, "undone")


def candidates(ledger: LedgerReader, since: datetime) -> list[Candidate]:
    """Return the pictures of runs that began since a time, reviewed or not, each once."""
    found: dict[PictureKey, Candidate] = {}
    for statement in (FLAGGED, SAMPLED):
        for row in ledger.database.stream(statement, (utc_text(since),)):
            one = _candidate(row)
            found[one.picture] = one
    return list(found.values())


def _candidate(row: Sequence[Any]) -> Candidate:
    batch, path, content_hash, version, name, label, confidence, *rest, sampled = row
    # Of what most rows have alike one text is kept, not thousands.
    batch, version, name, label = map(_one_of, (batch, version, name, label))
    flagged, error, verdict = map(_one_of, rest)
    picture = PictureKey(batch, path, content_hash)
    return Candidate(
        picture, version, name, label, confidence, flagged, error, verdict, bool(sampled)
    )


def _one_of(text: str | None) -> Any:
    return None if text is None else sys.intern(text)


def state(ledger: LedgerReader) -> tuple[int, ...]:
    """Return what changes where other pictures come to wait, or leave."""
    return tuple(ledger.database.query(STATE)[0])


def about(ledger: LedgerReader, since: datetime) -> int:
    """Return about how many pictures of runs since a time there are, without looking at them."""
    return int(ledger.database.query(COUNTED, (utc_text(since),))[0][0])


def thinking_times(ledger: LedgerReader, since: datetime) -> list[tuple[str, float]]:
    """Return who decided since a time, and in how many seconds."""
    return ledger.database.query(SECONDS, (utc_text(since),))
