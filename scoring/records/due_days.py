"""What is due: the calendar against the ledger. Pure functions of time, policy and rows.

All comparing happens in UTC: two times of one zone are compared by their wall clocks, which go
back an hour every autumn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from msgspec import Struct

from scoring.machine_zone import zone_name
from scoring.records.ledger import Run
from scoring.settings import Settings

DAY = timedelta(days=1)
# With neither a window nor catching up, a run may still start this much after its time.
LATE_START = timedelta(hours=1)


class Policy(Struct, frozen=True):
    """When runs are due; ``window`` is how long the client may take, None: as long as it needs."""

    start_at: time
    client_after: timedelta
    stop_after: timedelta | None
    zone: tzinfo
    catch_up: timedelta
    start_server: bool

    @classmethod
    def from_settings(cls, settings: Settings) -> Policy:
        """Read the policy from ``schedule``: minutes and hours become spans, "never" None."""
        schedule = settings.schedule
        stop = schedule.stop_after
        return cls(
            start_at=schedule.start_at.replace(tzinfo=None),
            client_after=timedelta(minutes=schedule.client_after),
            stop_after=None if stop == "never" else timedelta(minutes=stop),
            zone=settings.zone,
            catch_up=timedelta(hours=schedule.catch_up_hours),
            start_server=schedule.start_server,
        )

    def in_words(self) -> str:
        """Return the policy as settings: equal words, equal days and times."""
        minutes, hours = timedelta(minutes=1), timedelta(hours=1)
        stop = "never" if self.stop_after is None else f"{self.stop_after / minutes:g}"
        own_server = str(self.start_server).lower()
        return (
            f"start_at {self.start_at:%H:%M:%S} {zone_name(self.zone)}, "
            f"client_after {self.client_after / minutes:g}, stop_after {stop}, "
            f"catch_up_hours {self.catch_up / hours:g}, start_server {own_server}"
        )

    @property
    def window(self) -> timedelta | None:
        """How long the client may take from its time on; None: as long as it needs."""
        return None if self.stop_after is None else self.stop_after - self.client_after


class DueDay(Struct, frozen=True):
    """A day's times in UTC: server start, client start, server stop, latest start of the client."""

    date: date
    server_at: datetime
    client_at: datetime
    stop_at: datetime | None
    latest: datetime


class DueRun(Struct, frozen=True):
    """The run to start now; ``window`` is what is left of it, ``resumes`` an interrupted run."""

    day: DueDay
    window: timedelta | None
    resumes: Run | None = None


class Plan(Struct, frozen=True):
    """What has to happen now.

    Attributes:
        missed: days that can no longer be run, oldest first.
        expired: interrupted nightly runs whose window is over.
        run: the run to start or to resume.
    """

    missed: tuple[DueDay, ...]
    expired: tuple[Run, ...]
    run: DueRun | None


class NextRun(Struct, frozen=True):
    """What is next; ``at`` is when its client starts, in UTC: at once where it is due already.

    Attributes:
        day: the day it belongs to.
        resumes: the interrupted run that goes on.
        passed: the run that a day has had already, though its time is still to come: the
            start time was changed since. A day has one run.
    """

    day: DueDay
    at: datetime
    resumes: Run | None = None
    passed: Run | None = None

    @property
    def is_due(self) -> bool:
        """Whether it starts at once: it is caught up, or it goes on."""
        return self.at != self.day.client_at


def due_day(day: date, policy: Policy) -> DueDay:
    """Return a day's times.

    A wall time that daylight saving skips is taken as far after midnight as without the change;
    of a time that comes twice, the first counts.
    """
    server_at = datetime.combine(day, policy.start_at, policy.zone).astimezone(UTC)
    client_at = server_at + policy.client_after
    stop_at = None if policy.stop_after is None else server_at + policy.stop_after
    return DueDay(
        date=day,
        server_at=server_at,
        client_at=client_at,
        stop_at=stop_at,
        latest=max(server_at + policy.catch_up, stop_at or client_at + LATE_START),
    )


def make_plan(
    now: datetime, policy: Policy, first_start: datetime, runs: Mapping[date, Run]
) -> Plan:
    """Compare the calendar with the nightly runs in the ledger.

    Days whose client time was over at the first start are not due. Every day before the latest
    one recorded is taken as settled, so that pruned rows do not come back.
    """
    now, first_start = now.astimezone(UTC), first_start.astimezone(UTC)
    open_days = list(_days_without_run(now, policy, first_start, runs))
    interrupted = [run for run in runs.values() if run.state == "running"]
    resumable = [due for run in interrupted if (due := _resume(now, policy, run))]
    run = resumable[-1] if resumable else None
    if run is None and open_days and now <= open_days[-1].latest:
        run = DueRun(open_days[-1], policy.window)
    waiting = open_days[-1:] if open_days and now <= open_days[-1].latest else []
    kept = {due.resumes.id for due in resumable if due.resumes}
    return Plan(
        missed=tuple(open_days[: len(open_days) - len(waiting)]),
        expired=tuple(run for run in interrupted if run.id not in kept),
        run=run,
    )


def is_server_wanted(now: datetime, policy: Policy, first_start: datetime) -> bool:
    """Tell whether the calendar alone, without a run that is due, wants the server up now."""
    now, first_start = now.astimezone(UTC), first_start.astimezone(UTC)
    if not policy.start_server:
        return False
    if policy.stop_after is None:
        return True
    today = _local_date(now, policy)
    reach = range(-1 - policy.stop_after // DAY, 2)
    days = (due_day(today + DAY * offset, policy) for offset in reach)
    return any(
        day.server_at <= now < day.stop_at and day.client_at > first_start
        for day in days
        if day.stop_at
    )


def missed_too_early(now: datetime, policy: Policy, runs: Iterable[Run]) -> list[date]:
    """Return the days recorded as missed whose time is yet to come: a clock was wrong then."""
    days = (run.due_date for run in runs if run.state == "missed" and run.due_date)
    return sorted(day for day in days if due_day(day, policy).client_at > now.astimezone(UTC))


def next_run(
    now: datetime,
    policy: Policy,
    first_start: datetime,
    runs: Mapping[date, Run],
    *,
    worked_on: bool = False,
) -> NextRun:
    """Return what the scheduler will run next, by the same rules as ``make_plan``.

    ``worked_on``: somebody is at work on the run that is open, so that it is not to come.
    """
    now = now.astimezone(UTC)
    due = make_plan(now, policy, first_start, runs).run
    if due and not (worked_on and due.resumes):
        return NextRun(due.day, now, due.resumes)
    early = missed_too_early(now, policy, runs.values())
    had = {day: run for day, run in runs.items() if day not in early}
    day = _local_date(now, policy) - DAY
    passed = None
    while day in had or due_day(day, policy).client_at <= now:
        if due_day(day, policy).client_at > now:
            passed = passed or had[day]
        day += DAY
    following = due_day(day, policy)
    return NextRun(following, following.client_at, passed=passed)


def unusual_days(start: date, days: int, policy: Policy) -> list[tuple[date, str]]:
    """Return the days on which daylight saving skips or doubles the start time."""
    found = []
    for day in (start + DAY * offset for offset in range(days)):
        local = datetime.combine(day, policy.start_at, policy.zone)
        back = local.astimezone(UTC).astimezone(policy.zone)
        if back.replace(tzinfo=None) != local.replace(tzinfo=None):
            found.append((day, f"is skipped; it will be {back:%H:%M}"))
        elif local.utcoffset() != local.replace(fold=1).utcoffset():
            found.append((day, "comes twice; the first counts"))
    return found


def _days_without_run(
    now: datetime, policy: Policy, first_start: datetime, runs: Mapping[date, Run]
) -> Iterator[DueDay]:
    today = _local_date(now, policy)
    day = _local_date(first_start, policy) - DAY
    settled = [one for one in runs if one <= today]
    if settled:
        day = max(day, max(settled) + DAY)
    while day <= today:
        due = due_day(day, policy)
        if first_start < due.client_at <= now:
            yield due
        day += DAY


def _resume(now: datetime, policy: Policy, run: Run) -> DueRun | None:
    """Return how an interrupted run goes on, or None when its time is over."""
    if run.due_date is None:
        return None
    due = due_day(run.due_date, policy)
    if policy.window is None:
        return DueRun(due, None, run) if now <= due.latest else None
    left = run.started_at.astimezone(UTC) + policy.window - now
    return DueRun(due, min(left, policy.window), run) if left > timedelta(0) else None


def _local_date(moment: datetime, policy: Policy) -> date:
    return moment.astimezone(policy.zone).date()
