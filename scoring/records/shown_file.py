"""What Results.csv showed when it was written last: what it holds beyond that, somebody typed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import asdict

from scoring.records.ledger import Ledger
from scoring.records.ledger_reader import LedgerReader

FACT = "results_file"
# Forms of the file in which nothing is to be found: of more, the oldest is looked at again.
MOST_KNOWN = 8


class ShownFile(Struct, frozen=True):
    """The last file that was put in place.

    Attributes:
        known: digests of what was written, or looked through already.
        reviews: the last review that it shows, by its id.
        batches: whose rows it has, and as which run had them.
    """

    known: tuple[str, ...] = ()
    reviews: int = 0
    batches: dict[str, str] = field(default_factory=dict)


def find(ledger: LedgerReader) -> ShownFile | None:
    """Return what the file showed; None where none was written since this is noted."""
    text = ledger.fact(FACT)
    if text is None:
        return None
    document = json.loads(text)
    return ShownFile(tuple(document["known"]), document["reviews"], document["batches"])


def keep(ledger: Ledger, shown: ShownFile) -> None:
    """Note what a file shows that is in place now."""
    ledger.set_fact(FACT, json.dumps(asdict(shown), ensure_ascii=False))


def know(ledger: Ledger, digest: str) -> None:
    """Note that there is nothing to be found in a file of this digest.

    Said of a file before it is put in place: a kill right after that makes nothing of what was
    written a thing that somebody typed.
    """
    shown = find(ledger) or ShownFile()
    known = tuple(other for other in shown.known if other != digest)
    keep(ledger, ShownFile((*known, digest)[-MOST_KNOWN:], shown.reviews, shown.batches))


def digest_of(path: Path) -> str:
    """Return the digest of a file's bytes; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
