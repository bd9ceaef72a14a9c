"""The ledger's file: opened, brought up to date, copied; its errors in words.

SQLite in WAL mode with ``synchronous=FULL``: what was committed lasts through a power cut.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from scoring.protocol.errors import LedgerDamaged, LedgerError, LedgerNewer
from scoring.protocol.private_folder import make_private_folder
from scoring.records import schema
from scoring.records.atomic_file import replacing
from scoring.records.text import as_searched
from scoring.records.times import utc_offset, utc_text

WAL_PAUSE_SECONDS = 0.01
# SQLite's extended error codes hold the primary one in their lowest byte.
PRIMARY_CODE = 0xFF
# What SQLite writes beside the ledger before it reads a word, and some room.
LEAST_FREE_BYTES = 65_536
ADDS_COLUMN = re.compile(r"ALTER TABLE (?P<table>\w+) ADD COLUMN (?P<column>\w+) ")
# SQLite counts no further, and an address of a page may have any number.
LARGEST_ID = 2**63 - 1


class Database:
    """A connection to the ledger's file; of one thread unless ``shared``.

    Every method raises LedgerError with what to do, or LedgerDamaged.
    """

    def __init__(
        self, path: Path, busy_seconds: float, *, shared: bool, create: bool = True
    ) -> None:
        """Open the file, by default make it, and bring its tables up to date."""
        self.path = path
        self.busy_seconds = busy_seconds
        with self._explained():
            self._connection = self._connect(shared, create)
            try:
                self._identity = file_identity(path)
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _connect(self, shared: bool, create: bool) -> sqlite3.Connection:
        if create:
            make_private(self.path)
        elif not self.path.exists():
            raise self._gone()
        connection = sqlite3.connect(
            self.path, timeout=self.busy_seconds, isolation_level=None, check_same_thread=not shared
        )
        # SQLite's own LIKE knows capitals of ASCII only.
        connection.create_function("as_searched", 1, as_searched, deterministic=True)
        return connection

    def close(self) -> None:
        self._connection.close()

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a SELECT."""
        with self._explained():
            return self._connection.execute(statement, parameters).fetchall()

    def stream(
        self, statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> Iterator[Any]:
        """Yield the rows of a SELECT as SQLite finds them."""
        with self._explained():
            yield from self._connection.execute(statement, parameters)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all of it or nothing, waiting for other writers first.

        Raises LedgerDamaged where the file is no longer at its place: what is written would go
        with the program's end.
        """
        with self._explained():
            with all_or_nothing(self._connection):
                self._require_place()
                yield self._connection

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy, checked and whole or not at all, while others go on writing.

        Raises LedgerDamaged where the copy does not pass SQLite's own check.
        """
        with self._explained():
            make_private_folder(target.parent)
            self._copy_to(target)

    def _copy_to(self, target: Path) -> None:
        with replacing(target) as part:
            make_private(part)
            with closing(sqlite3.connect(part)) as copy:
                self._connection.backup(copy)
                # One file without side files; then it is read once, as a restore would.
                copy.execute("PRAGMA journal_mode = DELETE")
                (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise LedgerDamaged(f"{self.path} is damaged: {verdict}")

    def _require_place(self) -> None:
        if file_identity(self.path) != self._identity:
            raise self._gone()

    def _gone(self) -> LedgerDamaged:
        return LedgerDamaged(f"{self.path} was removed or replaced while it was in use")

    def _prepare(self) -> None:
        found = self.require_known_schema()
        self._enter_wal()
        self._connection.execute("PRAGMA synchronous = FULL")
        if found < schema.SCHEMA_VERSION:
            self._keep_as_it_was()
            with self.transaction():
                self._upgrade()
        self._connection.execute("PRAGMA foreign_keys = ON")

    def _keep_as_it_was(self) -> None:
        """Copy an older ledger; what another program makes of it meanwhile is not in the copy."""
        self._connection.execute("BEGIN")
        try:
            found = self._schema_version()
            if 0 < found < schema.SCHEMA_VERSION:
                self.copy_to(self.path.with_name(f"{self.path.stem}-schema-{found}.db"))
        finally:
            self._connection.execute("ROLLBACK")

    def require_known_schema(self) -> int:
        """Return the version of the file's tables, 0 where there are none yet.

        Raises LedgerError where they are another program's, which must not be changed.
        """
        found, names = self._version_and_names()
        # Programs count their versions as they like, from 0: it is the tables that tell.
        is_ledger = "runs" in names if found else not names
        if not is_ledger:
            raise LedgerError(
                f"{self.path} is no ledger but another database: name another file as paths.ledger,"
                " or move this one away, and the next run takes the latest backup"
            )
        if found > schema.SCHEMA_VERSION:
            raise LedgerNewer(
                f"{self.path} was written by a newer version of this software (schema {found}, this"
                f" one knows {schema.SCHEMA_VERSION}); update the software, or start this program"
                " anew if that was done while it was up"
            )
        return found

    def _version_and_names(self) -> tuple[int, set[str]]:
        """Return both as of one moment: another process may be making the tables."""
        self._connection.execute("BEGIN")
        try:
            found = self._schema_version()
            names = {name for (name,) in self._connection.execute("SELECT name FROM sqlite_schema")}
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        return found, names

    def _enter_wal(self) -> None:
        """Switch to the write-ahead log; SQLite does not wait here as it does elsewhere."""
        deadline = time.monotonic() + self.busy_seconds
        while True:
            try:
                if self._connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                    self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(WAL_PAUSE_SECONDS)

    def _schema_version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _upgrade(self) -> None:
        """Bring the tables up to date; another process may have done it meanwhile."""
        for function in (_utc_text, _utc_offset):
            name = function.__name__.lstrip("_")
            self._connection.create_function(name, 1, function, deterministic=True)
        steps = {0: schema.SCHEMA, **schema.UPGRADES}
        while (found := self._schema_version()) < schema.SCHEMA_VERSION:
            for statement in steps[found].split(";\n"):
                if not self._has_column(statement):
                    self._connection.execute(statement)
            reached = found + 1 if found else schema.SCHEMA_VERSION
            self._connection.execute(f"PRAGMA user_version = {reached}")

    def _has_column(self, statement: str) -> bool:
        """Tell whether a statement adds a column that is there."""
        added = ADDS_COLUMN.match(statement.strip())
        if not added:
            return False
        columns = self._connection.execute(f"PRAGMA table_info({added['table']})")
        return added["column"] in [name for _, name, *_ in columns]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite's errors into one that says what to do."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise LedgerError(
                    f"{self.path} was locked by another program for {self.busy_seconds:g} s; "
                    "close what has it open"
                ) from error
            raise LedgerError(f"{self.path} cannot be used: {self._why(error)}") from error
        except sqlite3.DatabaseError as error:
            # What the module itself refuses carries no code.
            code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise LedgerDamaged(f"{self.path} is damaged: {error}") from error
            raise LedgerError(f"{self.path} refused the data: {error}") from error
        except OSError as error:
            raise LedgerError(f"{self.path} cannot be used: {error}") from error

    def _why(self, error: sqlite3.OperationalError) -> str:
        """Return what SQLite says, and the reason that it does not know where nothing is left.

        Before a word can be read it writes beside the ledger: on a full disk that fails first.
        """
        code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
        if code not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
            return str(error)
        is_full = shutil.disk_usage(self.path.parent).free < LEAST_FREE_BYTES
        return f"{error}; its disk is full" if is_full else str(error)


def _utc_text(time: str | None) -> str | None:
    """Return a time of an older ledger as this one keeps them."""
    return None if time is None else utc_text(datetime.fromisoformat(time))


def _utc_offset(time: str) -> int:
    return utc_offset(datetime.fromisoformat(time))


def make_private(path: Path) -> None:
    """Make a file that is not there yet, and its folder, for this user alone, whatever the umask.

    SQLite gives what it keeps beside a database the same rights.
    """
    make_private_folder(path.parent)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


@contextmanager
def all_or_nothing(connection: sqlite3.Connection) -> Iterator[None]:
    """Write what the block writes as a whole or not at all, waiting for other writers first."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def file_identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from any other that takes its name; None where it is gone."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
