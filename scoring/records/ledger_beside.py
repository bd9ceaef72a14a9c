"""The ledger for desk and server: read and written beside runs, never made, upgraded or mended.

That is the work of a run, which keeps a copy first. A connection lasts for one request: so a
ledger that a run set aside is not held open, and the one in its place is seen at once.
"""

from __future__ import annotations

from scoring.protocol.errors import LedgerMissing, LedgerOutdated
from scoring.records.database import Database
from scoring.records.ledger import Ledger
from scoring.records.ledger_file import is_there
from scoring.records.schema import SCHEMA_VERSION
from scoring.settings import Settings


def open_ledger(settings: Settings, busy_seconds: float | None = None) -> Ledger:
    """Open the ledger of a project; of one thread. It waits for a run that writes, or so long.

    Raises LedgerMissing where there is none yet, LedgerOutdated where the next run brings it up to
    date first, LedgerDamaged where the next run takes a backup, LedgerError for what else is wrong.
    """
    path = settings.ledger_file
    if not is_there(settings):
        raise LedgerMissing(f"there is no ledger at {path} yet; the first run makes it")
    seconds = settings.records.busy_seconds if busy_seconds is None else busy_seconds
    return Ledger.over(AsItIs(path, seconds, shared=False, create=False))


class AsItIs(Database):
    """A connection to tables of this version."""

    def _prepare(self) -> None:
        found = self.require_known_schema()
        if found < SCHEMA_VERSION:
            raise LedgerOutdated(
                f"{self.path} is of an older version (schema {found}); the next run backs it up "
                f"and brings it to schema {SCHEMA_VERSION}"
            )
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
