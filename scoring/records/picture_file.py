"""The file of the picture store: opened, made, made anew; its errors in words.

SQLite in WAL mode, so that the desk reads while a run writes. What is deleted is overwritten
(``secure_delete``), and the file grows no larger than what is in it (``auto_vacuum``).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scoring.protocol.errors import PicturesDamaged, PicturesError
from scoring.records.database import PRIMARY_CODE, all_or_nothing, file_identity, make_private
from scoring.records.ledger_file import SIDE_FILES

VERSION = 1
# ``sources`` are the images that have the content. ``near`` is an unsigned number of 64 bits, as
# SQLite can have it. ``forgotten`` contents are not kept again.
# ``reported`` are the pictures of reports, as small as they are shown there: a report stays the
# same, whatever is pruned.
TABLES = """
CREATE TABLE pictures (
    id              INTEGER PRIMARY KEY,
    content_hash    TEXT NOT NULL UNIQUE,
    kept_at         TEXT NOT NULL,
    near            INTEGER NOT NULL,
    media_type      TEXT NOT NULL,
    picture         BLOB NOT NULL
);
CREATE INDEX pictures_by_age ON pictures (kept_at, id);
CREATE TABLE sources (
    content_hash    TEXT NOT NULL,
    batch           TEXT NOT NULL,
    path            TEXT NOT NULL,
    PRIMARY KEY (content_hash, batch, path)
) WITHOUT ROWID;
CREATE TABLE seen (
    content_hash    TEXT NOT NULL,
    seen_as         TEXT NOT NULL,
    coding          TEXT NOT NULL,
    pixels          BLOB NOT NULL,
    PRIMARY KEY (content_hash, seen_as)
);
CREATE TABLE reported (
    run_id          TEXT NOT NULL,
    content_hash    TEXT NOT NULL,
    media_type      TEXT NOT NULL,
    picture         BLOB NOT NULL,
    PRIMARY KEY (run_id, content_hash)
);
CREATE TABLE forgotten (
    content_hash    TEXT PRIMARY KEY
) WITHOUT ROWID
"""
# What SQLite says where it may not make its side files.
NOT_WRITABLE = ("unable to open", "attempt to write a readonly")
# A damaged store is set aside under this name, in the place of an earlier one.
ASIDE = ".damaged"


class PictureFile:
    """One connection to the file; whoever calls has the lock.

    Every method raises PicturesError with what is wrong, or PicturesDamaged.
    """

    def __init__(self, path: Path, busy_seconds: float) -> None:
        self.path = path
        self._busy_seconds = busy_seconds
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._writes = False

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection:
            with suppress(sqlite3.Error):
                connection.close()

    def reading(self) -> sqlite3.Connection | None:
        """Return a connection; None where there is no store yet."""
        with self.explained():
            self._leave_what_was_replaced()
            if self._connection is None and self._is_there():
                self._open(writes=False)
            return self._connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all of it or nothing; the first time makes the file."""
        with self.explained():
            self._leave_what_was_replaced()
            if self._connection is None or not self._writes:
                self.close()
                self._open(writes=True)
            connection = self._connection
            assert connection
            with all_or_nothing(connection):
                yield connection

    def shrink(self) -> None:
        """Give back to the disk what pages are empty."""
        with self.explained():
            if self._connection:
                # One step gives back one page, and execute() takes one: it has no rows to fetch.
                self._connection.executescript("PRAGMA incremental_vacuum")

    def leave_no_trace(self) -> None:
        """Bring what was removed out of the log, and remove a damaged store that was set aside.

        Raises PicturesError where somebody reads the store all the time.
        """
        self.shrink()
        with self.explained():
            self._aside.unlink(missing_ok=True)
            if self._connection:
                (busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if busy:
                    raise PicturesError(
                        f"{self.path} is being read: what was removed lies in {self.path.name}-wal"
                        " until the next run has ended; try again"
                    )

    def set_aside(self) -> str:
        """Move the store away, and say where to; its side files are of no use without it."""
        self.close()
        with self.explained():
            os.replace(self.path, self._aside)
            for end in SIDE_FILES[1:]:
                Path(f"{self.path}{end}").unlink(missing_ok=True)
        return f"it was set aside as {self._aside.name}, and a new one is begun"

    @property
    def _aside(self) -> Path:
        return self.path.with_name(f"{self.path.stem}{ASIDE}{self.path.suffix}")

    def _is_there(self) -> bool:
        return self.path.exists() and self.path.stat().st_size > 0

    def _leave_what_was_replaced(self) -> None:
        """A store that was made anew has the same name; this connection is to the old one."""
        if self._connection and file_identity(self.path) != self._identity:
            self.close()

    def _open(self, *, writes: bool) -> None:
        if writes:
            make_private(self.path)
        connection = self._connect("rw")
        try:
            self._prepare(connection, writes)
        except sqlite3.OperationalError as error:
            connection.close()
            if writes or not str(error).startswith(NOT_WRITABLE):
                raise
            # In a folder that nobody may write in, SQLite reads a store that is at rest as it is.
            connection = self._connect("ro&immutable=1")
            self._prepare(connection, writes)
        except BaseException:
            connection.close()
            raise
        self._connection, self._writes = connection, writes
        self._identity = file_identity(self.path)

    def _connect(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,
        )

    def _prepare(self, connection: sqlite3.Connection, writes: bool) -> None:
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if found > VERSION:
            raise PicturesError(
                f"{self.path} was written by a newer version of this software"
                f" (schema {found}, this one knows {VERSION}); update the software"
            )
        if not writes:
            return
        if not found:
            _make(connection)
        connection.execute("PRAGMA secure_delete = ON").fetchall()
        connection.execute("PRAGMA synchronous = NORMAL")

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn SQLite's errors into one that says what is wrong."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise PicturesError(f"{self.path} cannot be used: {error}") from error
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
            kind = (
                PicturesDamaged
                if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
                else PicturesError
            )
            raise kind(f"{self.path} is damaged: {error}") from error
        except OSError as error:
            raise PicturesError(f"{self.path} cannot be used: {error}") from error


def _make(connection: sqlite3.Connection) -> None:
    """Make the tables; another process may have made them meanwhile."""
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("BEGIN IMMEDIATE")
    if not connection.execute("PRAGMA user_version").fetchone()[0]:
        for statement in TABLES.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
