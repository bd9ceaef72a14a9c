"""The rows of the picture store, within a transaction of its file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence

from scoring.records.kept_picture import KeptPicture, Wanted
from scoring.records.many_rows import ManyRows

# (batch, path, content hash) → yes or no.
Ask = Callable[[str, str, str], bool]

# The oldest pictures that go in one transaction, and the hashes that one statement asks for.
AT_ONCE = 500

PICTURES, FORGOTTEN = "pictures", "forgotten"

ADD_SOURCES = ManyRows("INSERT OR IGNORE INTO sources VALUES ", 3)
ADD_PICTURES = ManyRows(
    "INSERT OR IGNORE INTO pictures (content_hash, kept_at, near, media_type, picture) VALUES ", 5
)
ADD_SEEN = ManyRows("INSERT OR IGNORE INTO seen VALUES ", 4)


def insert(connection: sqlite3.Connection, pictures: Sequence[KeptPicture], time: str) -> int:
    """Write pictures down with their names and pixels; return how many are new."""
    new = ADD_PICTURES.write(
        connection,
        (
            (one.content_hash, time, _signed(one.near), one.media_type, one.picture)
            for one in pictures
        ),
    )
    ADD_SOURCES.write(connection, ((one.content_hash, one.batch, one.path) for one in pictures))
    ADD_SEEN.write(
        connection,
        (
            (one.content_hash, one.seen.seen_as, one.seen.coding, one.seen.data)
            for one in pictures
            if one.seen
        ),
    )
    return new


def _signed(bits: int) -> int:
    """Return 64 bits as SQLite's integers take them."""
    return bits - 2**64 if bits >= 2**63 else bits


def add_source(connection: sqlite3.Connection, image: Wanted) -> None:
    ADD_SOURCES.write(connection, [(image.content_hash, image.batch, image.path)])


def those_in(connection: sqlite3.Connection, table: str, hashes: Sequence[str]) -> set[str]:
    """Return those of some content hashes that a table has, many by one statement."""
    found: set[str] = set()
    for start in range(0, len(hashes), AT_ONCE):
        some = hashes[start : start + AT_ONCE]
        marks = ", ".join("?" * len(some))
        rows = connection.execute(
            f"SELECT content_hash FROM {table} WHERE content_hash IN ({marks})", some
        )
        found.update(content_hash for (content_hash,) in rows)
    return found


def is_seen(connection: sqlite3.Connection, content_hash: str, pixels: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM seen WHERE content_hash = ? AND seen_as = ?", (content_hash, pixels)
    )
    return found.fetchone() is not None


def is_kept(connection: sqlite3.Connection, content_hash: str) -> bool:
    found = connection.execute("SELECT 1 FROM pictures WHERE content_hash = ?", (content_hash,))
    return found.fetchone() is not None


def is_forgotten(connection: sqlite3.Connection, content_hash: str) -> bool:
    found = connection.execute("SELECT 1 FROM forgotten WHERE content_hash = ?", (content_hash,))
    return found.fetchone() is not None


def remove(connection: sqlite3.Connection, hashes: Iterable[str]) -> None:
    each = [(content_hash,) for content_hash in hashes]
    for table in ("pictures", "seen", "sources"):
        connection.executemany(f"DELETE FROM {table} WHERE content_hash = ?", each)


def sources(connection: sqlite3.Connection, content_hash: str) -> list[tuple[str, str]]:
    return connection.execute(
        "SELECT batch, path FROM sources WHERE content_hash = ?", (content_hash,)
    ).fetchall()


def forget_unknown(connection: sqlite3.Connection, before: str, known: Ask, reviewed: Ask) -> int:
    """Remove pictures of images that nobody knows any more, whatever became of them."""
    old = connection.execute(
        "SELECT content_hash FROM pictures WHERE kept_at < ? ORDER BY kept_at", (before,)
    ).fetchall()
    gone = []
    for (one,) in old:
        names = sources(connection, one)
        if not any(known(*name, one) or reviewed(*name, one) for name in names):
            gone.append(one)
    remove(connection, gone)
    return len(gone)


def oldest(connection: sqlite3.Connection, excess: int, reviewed: Ask) -> list[str]:
    """Return the oldest that nobody reviewed, as many as hold so many bytes; AT_ONCE at most."""
    by_age = connection.execute(
        "SELECT p.content_hash, length(p.picture)"
        " + (SELECT coalesce(sum(length(s.pixels)), 0) FROM seen s"
        "    WHERE s.content_hash = p.content_hash)"
        " FROM pictures p ORDER BY p.kept_at, p.id"
    )
    found: list[str] = []
    for content_hash, size in by_age:
        if excess <= 0 or len(found) == AT_ONCE:
            break
        if not any(reviewed(*source, content_hash) for source in sources(connection, content_hash)):
            found.append(content_hash)
            excess -= size
    return found


def used_bytes(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size
