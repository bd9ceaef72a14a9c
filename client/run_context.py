"""What one run works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from client.api import ScoringClient
from client.stop_signal import StopSignal
from scoring.protocol.signature import Signature
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Ledger
from scoring.settings import Settings


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
