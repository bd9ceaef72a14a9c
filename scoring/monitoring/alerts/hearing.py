"""What the client has hear of the end of runs: nothing is loaded for it before there is one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from scoring.records.database import Database
from scoring.records.run_life import RunEnded
from scoring.settings import Settings


class AlertsHeard(Struct, frozen=True):
    """Writes down who is to be told of a run's end, with what ``writing`` has for it."""

    settings: Settings
    database: Database
    now: Callable[[], datetime]

    def __call__(self, ended: RunEnded) -> None:
        """Write the messages of one end; raises LedgerError."""
        from scoring.monitoring.alerts.writing import AlertWriter

        AlertWriter(self.settings, self.database, self.now)(ended)
