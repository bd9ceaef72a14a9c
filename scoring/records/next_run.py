"""What is next: the one answer for whoever asks, be it the scheduler, its commands or a page.

Read from the ledger, so that a day that has had its run is not promised again.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from scoring.machine_zone import zone_name
from scoring.records.due_days import NextRun, Policy, next_run
from scoring.records.ledger import FIRST_START, Ledger
from scoring.records.ledger_reader import LedgerReader
from scoring.records.rows import Run

# The fact that says by what schedule the scheduler goes that was up last.
SCHEDULE = "schedule"
LOOK_BACK = timedelta(days=7)


def read_next_run(
    ledger: LedgerReader | None, policy: Policy, now: datetime, *, worked_on: bool = False
) -> NextRun:
    """Return what is next by a ledger; None: there is none yet.

    ``worked_on``: the run lock is held. Raises LedgerError.
    """
    if ledger is None:
        return next_run(now, policy, now, {})
    first_start = read_first_start(ledger, now) or now
    nights = recent_nights(ledger, now, first_start)
    return next_run(now, policy, first_start, nights, worked_on=worked_on)


def read_first_start(
    ledger: LedgerReader, now: datetime, started: datetime | None = None
) -> datetime | None:
    """Return when the scheduler was first started here; nothing was due before.

    A first start that lies in the future was written under a wrong clock; ``started``, when
    the scheduler's process began, stands in for it, or ``now``, where that was under it, too.
    """
    known = ledger.fact(FIRST_START)
    if known is None:
        return None
    first_start = datetime.fromisoformat(known)
    return first_start if first_start <= now else min(started or now, now)


def remember_first_start(ledger: Ledger, now: datetime, started: datetime) -> datetime:
    """Return when the scheduler was first started here, which may be now.

    One in the future is set right, or each later start would be taken for the first.
    """
    first = read_first_start(ledger, now, started) or now
    if ledger.fact(FIRST_START) != first.isoformat():
        ledger.set_fact(FIRST_START, first.isoformat())
    return first


def remember_schedule(ledger: Ledger, policy: Policy) -> None:
    """Write down by what schedule this scheduler goes, for whoever asks beside it."""
    if ledger.fact(SCHEDULE) != policy.in_words():
        ledger.set_fact(SCHEDULE, policy.in_words())


def recent_nights(ledger: LedgerReader, now: datetime, first_start: datetime) -> dict[date, Run]:
    """Return the nightly runs that matter by due date: the latest ones, and all unfinished.

    One of a day to come, which a clock that was wrong has left, tells nothing of those before.
    """
    runs = ledger.nightly_runs((now - LOOK_BACK).date())
    if not any(day <= now.date() for day in runs):  # a long time off
        runs = ledger.nightly_runs((first_start - LOOK_BACK).date())
    unfinished = {run.due_date: run for run in ledger.running() if run.due_date}
    return {**unfinished, **runs}


def describe_next_run(coming: NextRun, policy: Policy) -> str:
    """Return it in words: the day, the time in the schedule's zone and in UTC, and what is odd."""
    if coming.resumes:
        text = f"at once: the run of {coming.day.date} was interrupted and goes on"
    elif coming.is_due:
        since = _time(coming.day.client_at, policy)
        text = f"at once: the run of {coming.day.date} is due since {since}"
    else:
        text = _time(coming.at, policy)
    if coming.passed:
        text += f"; {describe_passed(coming.passed, policy)}"
    return text


def describe_passed(run: Run, policy: Policy) -> str:
    """Say of a day whose time is still to come that it has had its run."""
    at = run.started_at.astimezone(policy.zone)
    return f"{run.due_date} is passed over, for it has had its run at {at:%H:%M} ({run.state})"


def _time(moment: datetime, policy: Policy) -> str:
    local = moment.astimezone(policy.zone)
    return f"{_minutes(local)} {zone_name(policy.zone)} ({_minutes(moment.astimezone(UTC))} UTC)"


def _minutes(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")
