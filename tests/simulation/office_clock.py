"""The clock of the simulated office: time passes only when the scheduler sleeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

Happening = Callable[[], None]


@dataclass
class OfficeClock:
    """True time, the error of the wall clock, and the seconds the machine was awake.

    ``on_tick`` is called after each step of time; ``at`` plans something for a true time.
    """

    true: datetime
    zone: tzinfo
    error: timedelta = timedelta(0)
    awake_seconds: float = 0.0
    on_tick: Happening = lambda: None
    _planned: list[tuple[datetime, Happening]] = field(default_factory=list)

    def now(self) -> datetime:
        """Return what the machine takes for the time, in the schedule's zone."""
        return (self.true + self.error).astimezone(self.zone)

    def monotonic(self) -> float:
        return self.awake_seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass, stopping at whatever is planned on the way."""
        end = self.true + timedelta(seconds=seconds)
        while self._planned and self._planned[0][0] <= end:
            moment, happening = self._planned.pop(0)
            self._pass((moment - self.true).total_seconds())
            happening()
            end = max(end, self.true)
        self._pass((end - self.true).total_seconds())
        self.on_tick()

    def suspend(self, span: timedelta) -> None:
        """Let time pass while the machine is off or asleep."""
        self.true += span

    def at(self, moment: datetime, happening: Happening) -> None:
        """Plan something; what was planned for a time that passed in sleep comes late."""
        self._planned.append((moment.astimezone(UTC), happening))
        self._planned.sort(key=lambda planned: planned[0])

    def _pass(self, seconds: float) -> None:
        passed = max(seconds, 0.0)
        self.true += timedelta(seconds=passed)
        self.awake_seconds += passed
