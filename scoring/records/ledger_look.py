"""A look at the ledger that changes nothing on the disk: for whoever tells, and does not run."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scoring.protocol.errors import LedgerError, LedgerMissing, LedgerOutdated
from scoring.records.database import Database
from scoring.records.ledger_file import is_there
from scoring.records.ledger_reader import LedgerReader
from scoring.records.schema import SCHEMA_VERSION
from scoring.settings import Settings


@contextmanager
def look_at_ledger(
    settings: Settings, busy_seconds: float | None = None, *, may_copy: bool = True
) -> Iterator[LedgerReader]:
    """Open the ledger for reading, and make, upgrade and repair nothing.

    A locked one is waited for as long as the settings say, or ``busy_seconds``. One that was not
    closed may have to be copied first, which takes its time; without ``may_copy`` it is refused.

    Raises LedgerMissing where there is none yet, LedgerOutdated where the next run brings it up to
    date first, LedgerDamaged where the next run takes a backup, LedgerError for what else is wrong.
    """
    path = settings.ledger_file
    if not is_there(settings):
        raise LedgerMissing(f"there is no ledger at {path} yet; the first run makes it")
    with ExitStack() as stack:
        seconds = settings.records.busy_seconds if busy_seconds is None else busy_seconds
        database = ReadOnly(path, seconds, _readable(path, stack, may_copy))
        stack.callback(database.close)
        yield LedgerReader.over(database)


def _readable(path: Path, stack: ExitStack, may_copy: bool) -> Path:
    """Return the file to read: a copy where SQLite would have to put something beside it first.

    That is where a program was killed, or a copy was put back, and one of the two side files is
    gone: what was written last lies in the other.
    """
    wal, shm = Path(f"{path}-wal"), Path(f"{path}-shm")
    if not wal.exists() or shm.exists():
        return path
    if not may_copy:
        raise LedgerError(f"{path} was not closed; whoever writes to it next mends that")
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ledger-")))
    try:
        for file in (path, wal):
            shutil.copyfile(file, folder / file.name)
    except OSError as error:  # no room for it there, no right to read it
        raise LedgerError(
            f"{path} was not closed, and cannot be copied to be looked at: {error}; whoever writes"
            " to it next mends that"
        ) from error
    return folder / path.name


class ReadOnly(Database):
    """A connection that writes nothing, and puts nothing beside the file."""

    def __init__(self, path: Path, busy_seconds: float, readable: Path) -> None:
        """``readable``: the file itself or a copy of it, of which nobody is to hear."""
        self._readable = readable
        super().__init__(path, busy_seconds, shared=False, create=False)

    def _connect(self, shared: bool, create: bool) -> sqlite3.Connection:
        # Closed and at rest, it is read as it is: SQLite would make side files for a reader, too.
        rest = "" if Path(f"{self._readable}-wal").exists() else "&immutable=1"
        return sqlite3.connect(
            f"{self._readable.absolute().as_uri()}?mode=ro{rest}",
            uri=True,
            timeout=self.busy_seconds,
            isolation_level=None,
        )

    def _prepare(self) -> None:
        found = self.require_known_schema()
        if found < SCHEMA_VERSION:
            raise LedgerOutdated(
                f"{self.path} is of an older version (schema {found}); the next run backs it up "
                f"and brings it to schema {SCHEMA_VERSION}"
            )
