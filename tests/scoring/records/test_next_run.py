from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from scoring.records.due_days import Policy
from scoring.records.ledger import FIRST_START, Ledger, Run, State
from scoring.records.next_run import describe_next_run, read_first_start, read_next_run

BERLIN = ZoneInfo("Europe/Berlin")
MINUTES = timedelta(minutes=1)
POLICY = Policy(time(18, 0), 5 * MINUTES, 30 * MINUTES, BERLIN, timedelta(hours=20), True)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.db", 5.0) as opened:
        opened.set_fact(FIRST_START, "2026-05-01T12:00:00+00:00")
        for day in range(1, 5):
            opened.start_run(night(date(2026, 5, day)))
        yield opened


def night(day: date, hour: int = 18, state: State = "done") -> Run:
    started = datetime.combine(day, time(hour, 5), BERLIN)
    ended = None if state == "running" else started + MINUTES
    return Run(f"r{day}", "nightly", day, "new", (), state, "", "", "", started, ended)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 5, 5, hour, minute, tzinfo=BERLIN)


def told(ledger: Ledger | None, now: datetime, worked_on: bool = False) -> str:
    return describe_next_run(read_next_run(ledger, POLICY, now, worked_on=worked_on), POLICY)


def test_it_is_told_in_the_schedules_zone_and_in_utc(ledger: Ledger) -> None:
    evening = "2026-05-05 18:05 Europe/Berlin (2026-05-05 16:05 UTC)"
    assert told(ledger, at(10)) == evening
    assert told(None, at(10)) == evening


def test_a_trial_run_in_the_night_is_told_to_have_used_up_the_day(ledger: Ledger) -> None:
    ledger.start_run(night(date(2026, 5, 5), hour=1))
    assert told(ledger, at(10)) == (
        "2026-05-06 18:05 Europe/Berlin (2026-05-06 16:05 UTC); "
        "2026-05-05 is passed over, for it has had its run at 01:05 (done)"
    )


def test_what_is_due_already_comes_at_once(ledger: Ledger) -> None:
    since = "2026-05-05 18:05 Europe/Berlin (2026-05-05 16:05 UTC)"
    assert told(ledger, at(20)) == f"at once: the run of 2026-05-05 is due since {since}"


def test_a_run_that_was_interrupted_goes_on(ledger: Ledger) -> None:
    ledger.start_run(night(date(2026, 5, 5), state="running"))
    text = told(ledger, at(18, 20))
    assert text == "at once: the run of 2026-05-05 was interrupted and goes on"
    assert told(ledger, at(18, 20), worked_on=True).startswith("2026-05-06 18:05 ")


def test_before_the_first_start_nothing_was_due(tmp_path: Path) -> None:
    with Ledger(tmp_path / "new.db", 5.0) as fresh:
        assert told(fresh, at(20)).startswith("2026-05-06 18:05 ")


def test_a_first_start_in_the_future_was_a_wrong_clocks(ledger: Ledger) -> None:
    started = datetime(2026, 4, 1, tzinfo=UTC)
    early = datetime(2026, 4, 2, tzinfo=UTC)
    assert read_first_start(ledger, early, started) == started
    assert read_first_start(ledger, early) == early
    for wrong in (at(10), datetime(2036, 5, 1, tzinfo=UTC)):
        assert read_first_start(ledger, early, wrong) == early, (
            "it began under the wrong clock, too"
        )
    assert read_first_start(ledger, at(10), started) == datetime(2026, 5, 1, 12, tzinfo=UTC)
