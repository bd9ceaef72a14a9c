"""A look into the ledger that neither makes nor changes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from scoring.protocol.errors import LedgerError, LedgerMissing
from scoring.records.ledger_look import look_at_ledger
from scoring.records.ledger_reader import LedgerReader
from scoring.settings import Settings

# Longer than any write of a run that is in progress.
LOCKED_SECONDS = 3.0


@contextmanager
def ledger_to_read(settings: Settings) -> Iterator[LedgerReader | None]:
    """Yield the ledger, None before there is one; raises LedgerError for all that is wrong."""
    with ExitStack() as stack:
        try:
            ledger = stack.enter_context(look_at_ledger(settings))
        except LedgerMissing:
            yield None
        else:
            yield ledger


def require_no_writer(settings: Settings) -> None:
    """Raise LedgerError where somebody keeps the ledger from being written.

    Whoever does has it open, and then its side files are there.
    """
    path = settings.ledger_file
    if not all(Path(f"{path}-{part}").exists() for part in ("wal", "shm")):
        return
    uri = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with closing(
            sqlite3.connect(uri, uri=True, timeout=LOCKED_SECONDS, isolation_level=None)
        ) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise LedgerError(f"{path} cannot be written: {error}; close what has it open") from error
