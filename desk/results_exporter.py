"""What people decide is in Results.csv within a minute, as far as nobody is in the way.

A run that is active brings it along at its end. A file that another program has open is written
when it is closed; until then the ledger has it, and no second file is written.
"""

from __future__ import annotations

import logging
import threading

from scoring.processes.locks import EXPORT, run_lock
from scoring.protocol.errors import Busy, LedgerError, ScoringError
from scoring.records.events_log import EventsLog
from scoring.records.ledger_beside import open_ledger
from scoring.records.publish import export_results, is_owed
from scoring.records.settled_file import Identity, identity_of
from scoring.settings import Settings

EVERY_SECONDS = 20.0

logger = logging.getLogger("scoring.desk")


class ResultsExporter:
    """Writes Results.csv anew where the ledger knows more; of one thread.

    ``every_seconds``: how long it rests between two looks.
    """

    def __init__(
        self, settings: Settings, events: EventsLog, every_seconds: float = EVERY_SECONDS
    ) -> None:
        self._settings = settings
        self._events = events
        self._every_seconds = every_seconds
        self._seen: Identity | None = None
        self._trouble = ""

    def run(self, stop: threading.Event) -> None:
        """Look again and again until told to stop; trouble is an event, and the next look helps."""
        while not stop.wait(self._every_seconds):
            self.step()

    def step(self) -> bool:
        """Look once; return whether the file was written anew."""
        try:
            written = self._export()
        except Busy:
            return False
        except LedgerError as error:
            # The next run mends it or makes it, and says so.
            logger.info("Results.csv waits: %s", error)
            return False
        except (ScoringError, OSError) as error:
            self._tell_once(error)
            return False
        except Exception as error:
            logger.exception("the export of Results.csv")
            self._tell_once(error)
            return False
        self._trouble = ""
        return written

    def _export(self) -> bool:
        """Bring the file up to date under the run lock, where there is anything to bring."""
        path = self._settings.results_file
        with open_ledger(self._settings) as ledger:
            if identity_of(path) == self._seen and not is_owed(ledger):
                return False
        with run_lock(self._settings, EXPORT), open_ledger(self._settings) as ledger:
            before = identity_of(path)
            written = export_results(self._settings, ledger, self._events)
        self._seen = None if written else before
        return written

    def _tell_once(self, error: Exception) -> None:
        """Write an event where the trouble is not what it was a minute ago."""
        if str(error) != self._trouble:
            self._trouble = str(error)
            self._events.warning(getattr(error, "code", "results-export"), str(error))
