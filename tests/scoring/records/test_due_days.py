from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from scoring.records.due_days import (
    DAY,
    NextRun,
    Policy,
    due_day,
    is_server_wanted,
    make_plan,
    next_run,
    unusual_days,
)
from scoring.records.ledger import Run, State

BERLIN = ZoneInfo("Europe/Berlin")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def policy(
    start_at: time = time(18, 0),
    zone: str = "Europe/Berlin",
    stop_after: float | None = 30,
    catch_up: float = 20,
    start_server: bool = True,
) -> Policy:
    stop = None if stop_after is None else timedelta(minutes=stop_after)
    hours = timedelta(hours=catch_up)
    return Policy(start_at, timedelta(minutes=5), stop, ZoneInfo(zone), hours, start_server)


def run(day: date, state: State = "done", started_at: datetime | None = None) -> Run:
    started = started_at or due_day(day, policy()).client_at
    ended = None if state == "running" else started
    return Run(f"r{day}", "nightly", day, "new", (), state, "", "", "", started, ended)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def runs(*of: Run) -> dict[date, Run]:
    return {one.due_date: one for one in of if one.due_date}


YESTERDAY = runs(run(date(2026, 5, 4)))
TODAY = date(2026, 5, 5)


def test_a_run_is_due_at_the_client_time_not_a_second_before() -> None:
    before = make_plan(at("2026-05-05T18:04:59"), policy(), LONG_AGO, YESTERDAY)
    due = make_plan(at("2026-05-05T18:05:00"), policy(), LONG_AGO, YESTERDAY)
    assert (before.run, before.missed) == (None, ())
    assert due.run is not None
    assert (due.run.day.date, due.run.window, due.run.resumes) == (
        TODAY,
        timedelta(minutes=25),
        None,
    )


@pytest.mark.parametrize("state", ["done", "partial", "failed", "missed"])
def test_a_day_with_a_terminal_state_is_not_due_again(state: State) -> None:
    plan = make_plan(at("2026-05-05T18:10"), policy(), LONG_AGO, runs(run(TODAY, state)))
    assert (plan.run, plan.missed, plan.expired) == (None, (), ())


def test_catches_up_until_twenty_hours_after_the_start_time() -> None:
    plan = make_plan(at("2026-05-06T14:00"), policy(), LONG_AGO, YESTERDAY)
    assert plan.run is not None
    assert plan.run.day.date == TODAY
    late = make_plan(at("2026-05-06T14:00:01"), policy(), LONG_AGO, YESTERDAY)
    assert late.run is None
    assert [day.date for day in late.missed] == [TODAY]


def test_without_catching_up_the_window_still_counts() -> None:
    never_later = policy(catch_up=0)
    assert make_plan(at("2026-05-05T18:29"), never_later, LONG_AGO, YESTERDAY).run
    assert make_plan(at("2026-05-05T18:31"), never_later, LONG_AGO, YESTERDAY).missed


def test_a_week_off_is_missed_but_for_the_last_day() -> None:
    plan = make_plan(at("2026-05-12T08:00"), policy(), LONG_AGO, YESTERDAY)
    assert [day.date for day in plan.missed] == [TODAY + DAY * n for n in range(6)]
    assert plan.run is not None
    assert plan.run.day.date == date(2026, 5, 11)


def test_days_before_the_first_start_are_not_due() -> None:
    first = at("2026-05-05T18:40")
    assert make_plan(first, policy(), first, {}).run is None
    next_day = make_plan(at("2026-05-06T18:05"), policy(), first, {})
    assert (next_day.run is not None, next_day.missed) == (True, ())


def test_first_start_between_server_time_and_client_time_runs_tonight() -> None:
    first = at("2026-05-05T18:02")
    assert is_server_wanted(first, policy(), first)
    plan = make_plan(at("2026-05-05T18:05"), policy(), first, {})
    assert plan.run is not None


def test_an_interrupted_run_goes_on_with_what_is_left_of_its_window() -> None:
    open_run = run(TODAY, "running")
    plan = make_plan(at("2026-05-05T18:20"), policy(), LONG_AGO, runs(open_run))
    assert plan.run is not None
    assert (plan.run.resumes, plan.run.window) == (open_run, timedelta(minutes=10))


def test_an_interrupted_run_expires_with_its_window_and_the_next_day_is_due() -> None:
    open_run = run(TODAY, "running")
    plan = make_plan(at("2026-05-05T18:30"), policy(), LONG_AGO, runs(open_run))
    assert (plan.run, plan.expired) == (None, (open_run,))
    later = make_plan(at("2026-05-06T18:05"), policy(), LONG_AGO, runs(open_run))
    assert later.expired == (open_run,)
    assert later.run is not None
    assert later.run.day.date == date(2026, 5, 6)


def test_a_run_that_was_caught_up_has_its_own_window() -> None:
    open_run = run(TODAY, "running", at("2026-05-06T08:00"))
    plan = make_plan(at("2026-05-06T08:20"), policy(), LONG_AGO, runs(open_run))
    assert plan.run is not None
    assert plan.run.window == timedelta(minutes=5)


def test_without_a_stop_an_interrupted_run_may_go_on_as_long_as_it_may_start() -> None:
    endless = policy(stop_after=None)
    open_run = run(TODAY, "running")
    plan = make_plan(at("2026-05-06T13:00"), endless, LONG_AGO, runs(open_run))
    assert plan.run is not None
    assert (plan.run.window, plan.run.resumes) == (None, open_run)
    assert make_plan(at("2026-05-06T15:00"), endless, LONG_AGO, runs(open_run)).expired


def test_a_clock_that_jumps_a_day_forth_and_back_runs_no_day_twice() -> None:
    rows = dict(YESTERDAY)
    done = []
    for moment in ("2026-05-05T18:05", "2026-05-06T18:06", "2026-05-05T18:07", "2026-05-06T18:05"):
        plan = make_plan(at(moment), policy(), LONG_AGO, rows)
        if plan.run:
            done.append(plan.run.day.date)
            rows |= runs(run(plan.run.day.date))
        assert plan.missed == ()
    assert done == [TODAY, TODAY + DAY]


@pytest.mark.parametrize(
    ("moment", "wanted"),
    [("17:59:59", False), ("18:00", True), ("18:29:59", True), ("18:30", False)],
)
def test_the_server_is_wanted_from_start_to_stop(moment: str, wanted: bool) -> None:
    assert is_server_wanted(at(f"2026-05-05T{moment}"), policy(), LONG_AGO) is wanted


def test_the_server_is_always_wanted_with_never_and_never_where_another_is_used() -> None:
    noon = at("2026-05-05T12:00")
    assert is_server_wanted(noon, policy(stop_after=None), LONG_AGO)
    assert not is_server_wanted(at("2026-05-05T18:10"), policy(start_server=False), LONG_AGO)


def test_a_window_over_midnight_belongs_to_the_evening() -> None:
    late = policy(start_at=time(23, 50))
    plan = make_plan(at("2026-05-06T00:10"), late, LONG_AGO, YESTERDAY)
    assert plan.run is not None
    assert plan.run.day.date == TODAY
    assert is_server_wanted(at("2026-05-06T00:10"), late, LONG_AGO)


ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "America/Santiago",
    "UTC",
)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("start_at", [time(0, 0), time(1, 30), time(2, 30), time(23, 58)])
def test_every_day_of_two_years_has_exactly_one_run(zone: str, start_at: time) -> None:
    days = policy(start_at=start_at, zone=zone)
    previous = due_day(date(2025, 12, 31), days)
    for offset in range(730):
        due = due_day(date(2026, 1, 1) + DAY * offset, days)
        # Morocco and others have days of 23 and 25 hours, Lord Howe of 23 1/2 and 24 1/2.
        assert timedelta(hours=22) < due.client_at - previous.client_at < timedelta(hours=26)
        assert due.client_at - due.server_at == timedelta(minutes=5)
        previous = due


def test_a_time_that_is_skipped_or_doubled_is_run_once_and_announced() -> None:
    half_past_two = policy(start_at=time(2, 30))
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
    assert due_day(spring, half_past_two).server_at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert due_day(autumn, half_past_two).server_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert unusual_days(date(2026, 1, 1), 365, half_past_two) == [
        (spring, "is skipped; it will be 03:30"),
        (autumn, "comes twice; the first counts"),
    ]
    assert unusual_days(date(2026, 1, 1), 365, policy()) == []


def test_the_hour_that_comes_twice_does_not_run_twice() -> None:
    half_past_two = policy(start_at=time(2, 30))
    second = datetime(2026, 10, 25, 2, 40, tzinfo=BERLIN, fold=1)
    done = runs(run(date(2026, 10, 25)))
    assert make_plan(second, half_past_two, LONG_AGO, done).run is None
    assert next_run(second, half_past_two, LONG_AGO, done).day.date == date(2026, 10, 26)


def coming(moment: datetime, rows: dict[date, Run], **keywords: bool) -> NextRun:
    return next_run(moment, policy(), LONG_AGO, rows, **keywords)


def test_the_next_run_is_on_the_first_day_without_one() -> None:
    before = coming(at("2026-05-05T10:00"), YESTERDAY)
    assert (before.day.date, before.at) == (TODAY, at("2026-05-05T18:05").astimezone(UTC))
    assert (before.is_due, before.passed) == (False, None)
    done = coming(at("2026-05-05T18:10"), runs(run(TODAY)))
    assert (done.day.date, done.passed) == (TODAY + DAY, None)


def test_a_day_that_has_had_its_run_is_passed_over_and_named() -> None:
    """A trial in the morning uses up the day: its evening is not promised."""
    trial = run(TODAY, started_at=at("2026-05-05T01:58"))
    found = coming(at("2026-05-05T10:00"), runs(trial))
    assert (found.day.date, found.passed) == (TODAY + DAY, trial)


def test_a_run_that_is_due_is_next_at_once() -> None:
    now = at("2026-05-05T20:00")
    found = coming(now, YESTERDAY)
    assert (found.day.date, found.at, found.is_due) == (TODAY, now.astimezone(UTC), True)


def test_an_interrupted_run_is_next_unless_somebody_is_at_it() -> None:
    now, open_run = at("2026-05-05T18:20"), run(TODAY, "running")
    assert coming(now, runs(open_run)).resumes == open_run
    at_work = coming(now, runs(open_run), worked_on=True)
    assert (at_work.day.date, at_work.resumes) == (TODAY + DAY, None)


def test_a_day_missed_under_a_wrong_clock_is_still_to_come() -> None:
    found = coming(at("2026-05-05T10:00"), runs(run(TODAY, "missed")))
    assert (found.day.date, found.passed) == (TODAY, None)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Kiritimati", "America/St_Johns"])
@pytest.mark.parametrize("start_at", [time(0, 0), time(2, 30), time(23, 58)])
def test_what_is_said_to_be_next_is_what_the_plan_then_runs(zone: str, start_at: time) -> None:
    """The promise against the scheduler's own decision, through both changes of the clock."""
    days, rows = policy(start_at=start_at, zone=zone), dict[date, Run]()
    now = first = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for _ in range(250):
        promised = next_run(now, days, first, rows)
        assert make_plan(promised.at - timedelta(seconds=1), days, first, rows).run is None
        plan = make_plan(promised.at, days, first, rows)
        assert plan.run is not None
        assert plan.run.day == promised.day
        rows |= runs(run(promised.day.date, started_at=promised.at))
        now = promised.at + timedelta(hours=1)
