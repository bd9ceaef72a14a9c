"""What the scheduler does for those who are told: notes what it finds, and has it sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from scheduler.session import Tell
from scoring.protocol.errors import ScoringError
from scoring.records import alerts
from scoring.records.ledger import Ledger
from scoring.records.run_life import ends_to_tell
from scoring.settings import Settings

if TYPE_CHECKING:
    from scoring.monitoring.alerts.writing import AlertWriter


class Outbox(Struct, frozen=True):
    """The ledger's outbox; ``start_sender`` starts what empties it."""

    settings: Settings
    now: Callable[[], datetime]
    start_sender: Callable[[], None]
    tell: Tell

    def writer(self, ledger: Ledger) -> AlertWriter:
        """Return what hears of the end of runs; it is loaded once there is something to hear."""
        from scoring.monitoring.alerts.writing import AlertWriter

        return AlertWriter(self.settings, ledger.database, self.now)

    def tell_started(self, due: date) -> None:
        """Have the heartbeat told that a night's run begins."""
        with self._harmless():
            with Ledger.from_settings(self.settings) as ledger:
                self.writer(ledger).started(due)
            self.send()

    def tell_ends(self) -> None:
        """Write down what a client that was killed at its end may have kept to itself.

        Once more is never twice; the others who hear of an end do at the next run's beginning.
        """
        with self._harmless(), Ledger.from_settings(self.settings) as ledger:
            for ended in ends_to_tell(ledger):
                self.writer(ledger)(ended)

    def tell_restored(self) -> None:
        """Have somebody told that another ledger took the place of a lost one."""
        with self._harmless(), Ledger.from_settings(self.settings) as ledger:
            self.writer(ledger).ledger_restored()

    def send(self) -> None:
        """Have sent what is due, by somebody who is not waited for; raises ScoringError."""
        with Ledger.from_settings(self.settings) as ledger:
            due = alerts.any_due(ledger.database, self.now())
        if due:
            self.start_sender()

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        """Make trouble an event: the night must go on."""
        try:
            yield
        except ScoringError as error:
            self.tell("ERROR", "alerts-failed", str(error))
