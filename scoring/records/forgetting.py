"""A picture is removed for good, with every copy: its owner wants it back.

What the models and people said of it stays in the ledger, and the image itself where its owner put
it: neither is a copy of the picture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from scoring.protocol.errors import UsageError
from scoring.protocol.file_names import as_utf8
from scoring.records.database import Database
from scoring.records.ledger_reader import LedgerReader
from scoring.records.picture_store import PictureStore
from scoring.records.text import printable

# Removes the copies that somebody else made of a content: reports have thumbnails in them.
AlsoForget = Callable[[str], object]

DIGEST = re.compile(r"[0-9a-f]{64}")
OF_IMAGE = "SELECT DISTINCT content_hash FROM predictions WHERE batch = ? AND path = ?"
REVIEWED = "SELECT DISTINCT content_hash FROM reviews WHERE batch = ? AND path = ?"


def forget_image(
    ledger: LedgerReader, store: PictureStore, image: str, also: Sequence[AlsoForget] = ()
) -> list[str]:
    """Remove every picture an image has ever had; return the contents that were removed.

    ``image`` is BATCH/IMAGE as Results.csv has them, or the SHA-256 of the file's content. Other
    images with the same content lose the picture, too: it is the same. ``also`` is called with each
    content, whether or not the store had it. Raises UsageError for an image that nobody knows,
    PicturesError where something of it may be left.
    """
    contents = contents_of(ledger, image)
    if not contents:
        raise UsageError(
            f"no run has scored {printable(image)}: give BATCH/IMAGE as Results.csv has them, or"
            " the SHA-256 of the file's content"
        )
    for content_hash in contents:
        for forget in (*also, store.forget):
            forget(content_hash)
    return contents


def contents_of(ledger: LedgerReader, image: str) -> list[str]:
    """Return the contents that an image had in the runs that are remembered; [] for no such."""
    if DIGEST.fullmatch(image):
        return [image]
    found = {
        content_hash
        for batch, path in _readings(as_utf8(image))
        for content_hash in _contents(ledger.database, batch, path)
    }
    return sorted(found)


def _readings(image: str) -> Iterator[tuple[str, str]]:
    """Yield what may be batch and path: both may have slashes."""
    spellings = dict.fromkeys((image, printable(image)))
    for spelling in spellings:
        for place, sign in enumerate(spelling):
            if sign == "/":
                yield spelling[:place], spelling[place + 1 :]


def _contents(database: Database, batch: str, path: str) -> Iterator[str]:
    for statement in (OF_IMAGE, REVIEWED):
        for (content_hash,) in database.query(statement, (batch, path)):
            if content_hash:
                yield content_hash
