"""The seam for time: the schedule asks a clock, and a simulation gives it another one."""

from __future__ import annotations

import threading
import time
from datetime import datetime, tzinfo
from typing import Protocol


class Clock(Protocol):
    """Wall time for the calendar, monotonic seconds for time-outs."""

    def now(self) -> datetime:
        """Return the present time, with its offset."""

    def monotonic(self) -> float:
        """Return seconds that never jump."""

    def sleep(self, seconds: float) -> None:
        """Sleep, but not past a request to stop."""


class SystemClock:
    """The machine's clock; ``stop`` ends every sleep."""

    def __init__(self, zone: tzinfo, stop: threading.Event) -> None:
        self._zone = zone
        self._stop = stop

    def now(self) -> datetime:
        return datetime.now(self._zone)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)
