"""APScheduler's four jobs, and the loop that keeps them true to the clock.

Everything inside APScheduler is in UTC: only the triggers know the schedule's zone. Two times of
one zone are compared by their wall clocks in Python, which stalls or doubles jobs every autumn.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger
from msgspec import Struct

from scoring.records.due_days import DAY, DueDay, Policy, due_day

RECONCILE_SECONDS = 60
# Waiting in short turns lets Ctrl-C through on Windows, and notices a clock that was set.
WAIT_TURN_SECONDS = 0.5
CLOCK_JUMP_SECONDS = 30.0

log = logging.getLogger("scoring.scheduler")


class DailyTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Fires once a day, at one of a due day's times."""

    def __init__(self, policy: Policy, time_of: Callable[[DueDay], datetime | None]) -> None:
        self._policy = policy
        self._time_of = time_of

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Return the first time at or after ``now`` and after the previous one, in UTC."""
        day = now.astimezone(self._policy.zone).date() - DAY * self._reach
        for _ in range(2 * self._reach + 2):
            moment = self._time_of(due_day(day, self._policy))
            if moment is None:
                return None
            if moment >= now and (previous_fire_time is None or moment > previous_fire_time):
                return moment
            day += DAY
        return None

    @property
    def _reach(self) -> int:
        """How many days a day's latest time may lie after its date, and one for the zone."""
        longest = max(self._policy.client_after, self._policy.stop_after or timedelta(0))
        return 2 + longest // DAY


class Job(Struct, frozen=True):
    """One job: a name, when it fires, what it does."""

    name: str
    trigger: BaseTrigger
    action: Callable[[], None]


def job_table(policy: Policy, reconcile: Callable[[], None]) -> list[Job]:
    """Return the jobs.

    All of them reconcile: at those times the calendar wants something else than before, and what
    that is the ledger knows. Three are punctual, the fourth heals.
    """
    jobs = [Job("run client", DailyTrigger(policy, lambda day: day.client_at), reconcile)]
    if policy.start_server:
        jobs.insert(0, Job("start server", DailyTrigger(policy, lambda d: d.server_at), reconcile))
    if policy.start_server and policy.stop_after is not None:
        jobs.append(Job("stop server", DailyTrigger(policy, lambda d: d.stop_at), reconcile))
    every_minute = IntervalTrigger(seconds=RECONCILE_SECONDS, timezone=UTC)
    return [*jobs, Job("reconcile", every_minute, reconcile)]


def run_jobs(
    policy: Callable[[], Policy],
    reconcile: Callable[[], None],
    stop: threading.Event,
    hurry: Callable[[], bool] = lambda: False,
) -> None:
    """Fire the jobs until ``stop`` is set; the one in progress is waited for.

    They follow ``policy`` when it changes, and the wall clock when it jumps. ``hurry`` is asked
    all the time whether to reconcile now.
    """
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    # One thread: the jobs never overlap.
    scheduler = BackgroundScheduler(timezone=UTC, executors={"default": ThreadPoolExecutor(1)})
    scheduler.start()
    clock, planned = WallClock(), None
    try:
        while not stop.is_set():
            if clock.was_set() or policy() != planned:
                planned = policy()
                _plan(scheduler, planned, reconcile)
            elif hurry():
                _reconcile_now(scheduler)
            stop.wait(WAIT_TURN_SECONDS)
    finally:
        stop.set()
        scheduler.shutdown(wait=True)


class WallClock:
    """Looks out for a wall clock that jumps."""

    def __init__(self) -> None:
        self._offset = _wall_offset()

    def was_set(self) -> bool:
        """Tell whether it has jumped since the last look."""
        jump = _wall_offset() - self._offset
        if abs(jump) <= CLOCK_JUMP_SECONDS:
            return False
        log.warning("the clock was set by %+.0f s, or the machine slept", jump)
        self._offset += jump
        return True


def _wall_offset() -> float:
    """Return how far the wall clock is ahead of the monotonic one, in seconds."""
    return time.time() - time.monotonic()


def _plan(scheduler: BackgroundScheduler, policy: Policy, reconcile: Callable[[], None]) -> None:
    """Set every job anew: APScheduler would wait for the old times, for days where it must."""
    scheduler.remove_all_jobs()
    grace = max(int(policy.catch_up.total_seconds()), RECONCILE_SECONDS)
    for job in job_table(policy, reconcile):
        scheduler.add_job(
            job.action, job.trigger, id=job.name, name=job.name,
            misfire_grace_time=grace, coalesce=True, max_instances=1,
        )  # fmt: skip
    _reconcile_now(scheduler)


def _reconcile_now(scheduler: BackgroundScheduler) -> None:
    scheduler.modify_job("reconcile", next_run_time=datetime.now(UTC))
