from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler.jobs import DailyTrigger, Job, job_table, run_jobs
from scoring.records.due_days import Policy, due_day

NEVER_LATE = timedelta(hours=20)


def policy(start_at: time = time(18, 0), stop_after: int | None = 30) -> Policy:
    return Policy(
        start_at,
        timedelta(minutes=5),
        None if stop_after is None else timedelta(minutes=stop_after),
        ZoneInfo("Europe/Berlin"),
        NEVER_LATE,
        True,
    )


def names(of: Policy) -> list[str]:
    return [job.name for job in job_table(of, lambda: None)]


def test_there_are_three_punctual_jobs_and_one_that_heals() -> None:
    assert names(policy()) == ["start server", "run client", "stop server", "reconcile"]
    assert names(policy(stop_after=None)) == ["start server", "run client", "reconcile"]


def test_triggers_fire_at_the_times_of_the_schedules_zone() -> None:
    now = datetime(2026, 5, 5, 10, 0, tzinfo=UTC)
    times = [
        job.trigger.get_next_fire_time(None, now) for job in job_table(policy(), lambda: None)[:3]
    ]
    assert [f"{moment:%d %H:%M}" for moment in times] == ["05 16:00", "05 16:05", "05 16:30"]


@pytest.mark.parametrize("start_at", [time(2, 30), time(23, 58)])
def test_a_trigger_fires_once_a_day_through_both_changes_of_the_clock(start_at: time) -> None:
    trigger = DailyTrigger(policy(start_at), lambda day: day.client_at)
    now = datetime(2026, 3, 1, tzinfo=UTC)
    previous = None
    fired = []
    for _ in range(300):
        previous = trigger.get_next_fire_time(previous, now)
        assert previous is not None
        fired.append(previous)
        now = previous
    first = fired[0].astimezone(ZoneInfo("Europe/Berlin")).date()
    if start_at.hour == 23:
        first -= timedelta(days=1)
    expected = [due_day(first + timedelta(days=n), policy(start_at)).client_at for n in range(300)]
    assert fired == expected


class Recorder:
    """Counts calls, and stops after some."""

    def __init__(self, stop: threading.Event, times: int) -> None:
        self.calls = 0
        self._stop = stop
        self._times = times

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self._times:
            self._stop.set()


def test_reconciles_at_once_and_stops_when_asked() -> None:
    stop = threading.Event()
    recorder = Recorder(stop, 1)
    run_jobs(policy, recorder, stop)
    assert recorder.calls == 1


def test_a_clock_that_is_set_back_does_not_silence_the_jobs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """APScheduler alone would sleep until the old wall time comes again."""
    stop = threading.Event()
    recorder = Recorder(stop, 2)
    offsets = itertools.chain([0.0, 0.0], itertools.repeat(-86_400.0))
    monkeypatch.setattr("scheduler.jobs.WAIT_TURN_SECONDS", 0.05)
    monkeypatch.setattr("scheduler.jobs._wall_offset", lambda: next(offsets))
    run_jobs(policy, recorder, stop)
    assert recorder.calls == 2


def test_what_is_in_a_hurry_is_done_now(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    recorder = Recorder(stop, 2)
    monkeypatch.setattr("scheduler.jobs.WAIT_TURN_SECONDS", 0.05)
    run_jobs(policy, recorder, stop, lambda: recorder.calls == 1)
    assert recorder.calls == 2


def test_jobs_follow_a_schedule_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    recorder = Recorder(stop, 2)
    planned: list[Policy] = []

    def table(of: Policy, action: Callable[[], None]) -> list[Job]:
        planned.append(of)
        return job_table(of, action)

    monkeypatch.setattr("scheduler.jobs.WAIT_TURN_SECONDS", 0.05)
    monkeypatch.setattr("scheduler.jobs.job_table", table)
    run_jobs(lambda: policy(time(7 if recorder.calls else 18, 0)), recorder, stop)
    assert planned == [policy(time(18, 0)), policy(time(7, 0))]


def test_a_job_that_raises_does_not_end_the_others() -> None:
    stop = threading.Event()

    def fail() -> None:
        stop.set()
        raise RuntimeError("boom")

    run_jobs(policy, fail, stop)
    assert stop.is_set()
