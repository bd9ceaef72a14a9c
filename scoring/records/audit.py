"""The audit sample: images of a run that are not flagged, drawn for a person to judge.

Who judges only what is flagged never learns how many of the others are wrong. So each run draws
some of them, each with the same probability, and that stands with them in the ledger before anybody
can see them: the sample is written in the transaction that ends the run.

What is drawn is a matter of run and image alone: it is the same however often the run was
interrupted, and in whatever order its images came.
"""

from __future__ import annotations

import hashlib
import heapq
import sqlite3
from collections.abc import Iterable, Iterator

from msgspec import Struct

from scoring.records.database import Database

# Of what the run scored itself; what it only shows was in the draw of the run that scored it.
NOT_FLAGGED = (
    "SELECT batch, path, content_hash, model_version FROM predictions"
    " WHERE run_id = ? AND label IS NOT NULL AND review IS NULL"
)
RANK_BYTES = 8


class AuditItem(Struct, frozen=True):
    """An image of the sample; ``inclusion`` is the probability with which it was drawn."""

    batch: str
    path: str
    content_hash: str
    model_version: str
    inclusion: float


def draw(database: Database, run_id: str, size: int) -> list[AuditItem]:
    """Return the ``size`` images of a run whose ranks come first, all where there are fewer."""
    count = 0

    def ranked() -> Iterator[tuple[bytes, tuple[str, str, str, str]]]:
        nonlocal count
        for row in database.stream(NOT_FLAGGED, (run_id,)):
            count += 1
            yield rank(run_id, row[0], row[1]), row

    drawn = heapq.nsmallest(size, ranked())
    return [AuditItem(*row, inclusion=len(drawn) / count) for _, row in drawn]


def rank(run_id: str, batch: str, path: str) -> bytes:
    """Return an image's place in a run's draw, as likely any as any other."""
    name = f"{run_id}\0{batch}\0{path}".encode()
    return hashlib.blake2b(name, digest_size=RANK_BYTES).digest()


def write(connection: sqlite3.Connection, run_id: str, sample: Iterable[AuditItem]) -> None:
    """Write a run's sample down, within the transaction that ends it."""
    connection.executemany(
        "INSERT INTO audit_sample VALUES (?, ?, ?, ?, ?, ?)",
        (
            (run_id, one.batch, one.path, one.content_hash, one.model_version, one.inclusion)
            for one in sample
        ),
    )


def sample_of(database: Database, run_id: str) -> list[AuditItem]:
    """Return what a run has drawn; in the order of names, which says nothing."""
    rows = database.query(
        "SELECT batch, path, content_hash, model_version, inclusion FROM audit_sample"
        " WHERE run_id = ? ORDER BY batch, path",
        (run_id,),
    )
    return [AuditItem(*row) for row in rows]
