"""What one run works with, and how it ends early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from client.api import ScoringClient
from client.stop_signal import StopSignal
from scoring.protocol.errors import ExitCode, ScoringError
from scoring.protocol.signature import Signature
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Ledger
from scoring.settings import Settings


class Interrupted(ScoringError):
    """The run was stopped and can be resumed."""

    code = "interrupted"
    exit_code = ExitCode.PARTIAL


class ScoringFailed(ScoringError):
    """The run cannot go on: no answer after all tries, or one that cannot be trusted."""

    code = "scoring-failed"


@dataclass(frozen=True)
class RunContext:
    """The parts of one run; ``now`` tells the time in the schedule's zone."""

    settings: Settings
    client: ScoringClient
    signature: Signature
    ledger: Ledger
    events: EventsLog
    stop: StopSignal
    now: Callable[[], datetime]

    def raise_if_stopped(self) -> None:
        """Raise Interrupted once a stop is asked for."""
        if self.stop.requested:
            raise Interrupted("stopped before all images were scored")
