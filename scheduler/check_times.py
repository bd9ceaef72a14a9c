"""When the night is: the zone, the window, what is next and who will start it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from scheduler.finding import Finding, Verdict
from scheduler.ledger_look import ledger_to_read
from scoring.machine_zone import describe_zones, machine_zone, other_zones
from scoring.processes.locks import instance_holder, run_holder
from scoring.protocol.commands import command
from scoring.protocol.errors import ScoringError
from scoring.records.due_days import DueDay, Policy, unusual_days
from scoring.records.next_run import SCHEDULE, describe_next_run, read_next_run
from scoring.settings import Settings

DAYS_AHEAD = 366
SHORT_WINDOW = timedelta(minutes=1)
RUNS_COMPARED = timedelta(days=7)


def check_zone(settings: Settings) -> Iterator[Finding]:
    """Warn of a machine of two minds, and of days on which the start time is skipped or doubled."""
    policy = Policy.from_settings(settings)
    others = [] if settings.schedule.zone else other_zones()
    if settings.schedule.zone:
        yield Finding("OK", "zone", f"{settings.schedule.zone} (schedule.zone)")
    elif others:
        yield Finding("WARN", "zone", describe_zones(machine_zone(), others))
    else:
        yield Finding("OK", "zone", f"{machine_zone()} (the machine's)")
    for day, what in unusual_days(settings.now().date(), DAYS_AHEAD, policy):
        yield Finding("WARN", "zone", f"on {day} {policy.start_at:%H:%M} {what}")


def check_window(settings: Settings) -> Iterator[Finding]:
    """Warn of a window that is over before the client can be done."""
    window = Policy.from_settings(settings).window
    if window is None:
        return
    text = f"the client has {window.total_seconds():g} s from client_after to stop_after"
    longest = _longest_run(settings)
    if window < SHORT_WINDOW:
        yield Finding("WARN", "window", f"{text}; what it leaves is the next night's")
    elif longest and longest >= window:
        took = f"a run of these days took {longest.total_seconds():.0f} s"
        yield Finding("WARN", "window", f"{text}; {took}")


def check_next_run(settings: Settings) -> Iterator[Finding]:
    """Tell the times of the next run, as the scheduler will decide them."""
    policy, worked_on = Policy.from_settings(settings), run_holder(settings) is not None
    try:
        with ledger_to_read(settings) as ledger:
            coming = read_next_run(ledger, policy, settings.now(), worked_on=worked_on)
    except ScoringError:
        return  # what is wrong with the ledger has been told
    verdict: Verdict = "WARN" if coming.passed else "OK"
    text = f"{describe_next_run(coming, policy)}: {_times_of(coming.day, policy)}"
    if coming.passed:
        text += f". To score now: {command('scheduler', '--once')}"
    yield Finding(verdict, "next run", text)


def check_scheduler(settings: Settings) -> Iterator[Finding]:
    """Somebody must start the run, and by the settings that were read here."""
    holder = instance_holder(settings)
    if holder is None:
        yield Finding("WARN", "scheduler", f"not running; start it with: {command('scheduler')}")
        return
    yield Finding("OK", "scheduler", str(holder))
    mine, its = Policy.from_settings(settings).in_words(), _schedule_in_force(settings)
    if its and its != mine:
        text = f"it goes by {its}; here {mine} is set. It takes up a change within a minute or"
        text += " after the run in progress; if not, its environment sets something else"
        yield Finding("WARN", "scheduler", text)


def _schedule_in_force(settings: Settings) -> str | None:
    try:
        with ledger_to_read(settings) as ledger:
            return ledger.fact(SCHEDULE) if ledger else None
    except ScoringError:
        return None


def _longest_run(settings: Settings) -> timedelta | None:
    """Return how long the longest nightly run of the last days took."""
    since = (settings.now() - RUNS_COMPARED).date()
    try:
        with ledger_to_read(settings) as ledger:
            runs = ledger.nightly_runs(since).values() if ledger else ()
    except ScoringError:
        return None
    times = [
        run.finished_at - run.started_at
        for run in runs
        if run.finished_at and run.state in ("done", "partial")
    ]
    return max(times, default=None)


def _times_of(day: DueDay, policy: Policy) -> str:
    """Return when server and client start and stop, by the clock of the schedule's zone."""
    times = {"server": day.server_at, "client": day.client_at, "stop": day.stop_at}
    return ", ".join(
        f"{what} {moment.astimezone(policy.zone):%H:%M}" if moment else f"{what} never"
        for what, moment in times.items()
    )
