from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.launcher import ClientJob
from scoring.records.ledger import FIRST_START, ChunkCost, Ledger, ScoredImage
from scoring.records.schema import SCHEMA_VERSION
from scoring.settings import Settings, load_settings
from tests.scheduler.virtual_night import Script, Theatre, VirtualClock

AFTERNOON = datetime(2026, 5, 5, 17, 45, tzinfo=UTC)
HOUR = timedelta(hours=1)
TODAY = "2026-05-05"

MakeTheatre = Callable[..., Theatre]


@pytest.fixture
def make_theatre(settings: Settings) -> MakeTheatre:
    """Return a maker of theatres in UTC that start at 17:45; keywords are [schedule] settings."""

    def make(start: datetime = AFTERNOON, **schedule: object) -> Theatre:
        changed = load_settings(schedule={"zone": "UTC", **schedule})
        theatre = Theatre(changed, VirtualClock(start))
        theatre.nightly.reconcile()
        return theatre

    return make


@pytest.fixture
def theatre(make_theatre: MakeTheatre) -> Theatre:
    return make_theatre()


def evening(hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2026, 5, 5, hour, minute, second, tzinfo=UTC)


def test_an_evening_starts_the_server_then_the_client_then_stops(theatre: Theatre) -> None:
    theatre.run_until(evening(18, 0))
    assert theatre.servers == []
    theatre.run_until(evening(18, 4, 59))
    assert len(theatre.servers) == 1
    assert theatre.clients == []
    theatre.run_until(evening(18, 29, 59))
    assert [client.job for client in theatre.clients] == [
        ClientJob(date(2026, 5, 5), window_seconds=25 * 60)
    ]
    assert theatre.states() == {TODAY: "done"}
    assert not theatre.servers[0].stopped
    theatre.run_until(evening(18, 31))
    assert theatre.servers[0].stopped


def test_it_is_done_once_a_day_and_again_the_next(theatre: Theatre) -> None:
    theatre.run_until(evening(23, 0) + 24 * HOUR, reconcile_every=HOUR)
    assert theatre.states() == {TODAY: "done", "2026-05-06": "done"}
    assert len(theatre.clients) == 2


def test_never_keeps_the_server_up_and_restarts_it(make_theatre: MakeTheatre) -> None:
    theatre = make_theatre(stop_after="never")
    assert len(theatre.servers) == 1
    theatre.run_until(evening(17, 50))
    theatre.servers[0].death = "killed"
    theatre.run_until(evening(23, 0))
    assert len(theatre.servers) == 2
    assert not theatre.servers[1].stopped
    assert [client.job.window_seconds for client in theatre.clients] == [22 * 3600]
    assert theatre.events("server-died") == ["killed"]


def test_a_server_that_does_not_come_up_fails_the_day_with_its_reason(theatre: Theatre) -> None:
    theatre.server_failures = [f"18:{minute:02}: no model here" for minute in range(20)]
    theatre.run_until(evening(18, 10))
    assert theatre.states() == {TODAY: "failed"}
    assert theatre.reasons() == ["18:06: no model here"]
    assert theatre.clients == []
    # Not one event a minute for the same trouble.
    assert theatre.events("no-server")[:1] == ["18:00: no model here"]
    assert len(theatre.events("no-server")) <= 2


def test_a_server_that_comes_up_at_the_second_try_saves_the_day(make_theatre: MakeTheatre) -> None:
    theatre = make_theatre(client_after=0)
    theatre.server_failures = ["slow disk"]
    theatre.run_until(evening(18, 10))
    assert theatre.states() == {TODAY: "done"}
    assert theatre.events("server-start-failed") == ["slow disk; trying once more"]


def test_a_server_that_dies_during_the_run_is_restarted_once(theatre: Theatre) -> None:
    def kill() -> None:
        if theatre.clients:
            theatre.servers[0].death = "segmentation fault"

    theatre.clock.on_tick = kill
    theatre.run_until(evening(18, 10))
    assert len(theatre.servers) == 2
    assert theatre.events("server-died") == ["segmentation fault"]
    assert theatre.states() == {TODAY: "done"}


def test_a_client_that_vanishes_is_started_once_more(theatre: Theatre) -> None:
    theatre.scripts = [Script(state=None, exit_code=-9, seconds=120)]
    theatre.run_until(evening(18, 20))
    assert theatre.states() == {TODAY: "done"}
    windows = [client.job.window_seconds for client in theatre.clients]
    assert windows[0] == 1500
    assert windows[1] == pytest.approx(1380, abs=1)


def test_a_client_that_vanishes_three_times_closes_the_day_as_partial(theatre: Theatre) -> None:
    theatre.scripts = [Script(state=None, exit_code=-9)] * 3
    theatre.run_until(evening(18, 20))
    assert theatre.states() == {TODAY: "partial"}
    assert theatre.reasons() == [
        "the client died 3 times: the client ended with exit code -9: the client's last words"
    ]
    assert len(theatre.clients) == 3


def test_a_client_that_never_wrote_a_row_fails_the_day(theatre: Theatre) -> None:
    theatre.scripts = [Script(leaves_row=False, exit_code=1)]
    theatre.run_until(evening(18, 20))
    assert theatre.states() == {TODAY: "failed"}
    assert len(theatre.clients) == 1


def test_a_run_by_hand_in_progress_is_waited_for(theatre: Theatre) -> None:
    busy = Script(leaves_row=False, exit_code=6, seconds=1)
    theatre.scripts = [busy, busy, busy]
    theatre.run_until(evening(18, 20))
    assert theatre.states() == {TODAY: "done"}
    assert len(theatre.clients) == 4


@pytest.mark.slow
def test_without_a_stop_a_client_that_hangs_costs_one_night_only(
    make_theatre: MakeTheatre,
) -> None:
    theatre = make_theatre(stop_after="never")
    theatre.scripts = [Script(seconds=1e9, heeds_window=False)]
    theatre.run_until(evening(20, 0) + 24 * HOUR, reconcile_every=HOUR)
    assert theatre.states() == {TODAY: "partial", "2026-05-06": "done"}


def test_the_window_ends_a_long_run_as_partial(theatre: Theatre) -> None:
    theatre.scripts = [Script(seconds=3600)]
    theatre.run_until(evening(18, 35))
    assert theatre.states() == {TODAY: "partial"}
    assert theatre.clients[0].told_window
    assert theatre.servers[0].stopped


def test_a_client_that_does_not_heed_the_window_is_stopped(theatre: Theatre) -> None:
    theatre.scripts = [Script(seconds=7200, heeds_window=False)]
    theatre.run_until(evening(18, 35))
    assert theatre.states() == {TODAY: "partial"}
    assert theatre.reasons() == ["the window was over before the client ended"]


def test_a_scheduler_that_was_killed_resumes_the_run(theatre: Theatre) -> None:
    theatre.run_until(evening(18, 4, 59))
    theatre.scripts = [Script(state=None, seconds=10_000)]
    theatre.clock.on_tick = _kill_at(theatre, evening(18, 10))
    with pytest.raises(KeyboardInterrupt):
        theatre.run_until(evening(18, 20))
    theatre.clock.on_tick = lambda: None
    theatre.boot()
    theatre.run_until(evening(18, 20))
    assert theatre.states() == {TODAY: "done"}
    assert theatre.clients[1].job.window_seconds == pytest.approx(20 * 60, abs=1)
    assert theatre.events("run-found") == ["an interrupted run goes on"]


def _kill_at(theatre: Theatre, moment: datetime) -> Callable[[], None]:
    def kill() -> None:
        if theatre.clock.now() >= moment:
            raise KeyboardInterrupt

    return kill


def test_an_interrupted_run_whose_window_is_over_is_closed(theatre: Theatre) -> None:
    theatre.scripts = [Script(state=None, seconds=10_000)]
    theatre.clock.on_tick = _kill_at(theatre, evening(18, 10))
    with pytest.raises(KeyboardInterrupt):
        theatre.run_until(evening(18, 20))
    theatre.clock.on_tick = lambda: None
    with theatre.ledger() as ledger:
        (run,) = ledger.running()
        ledger.touch_batch(run.id, "G1", 0, ["1.png", "2.png"])
        image = ScoredImage(1, "1.png", "d", label="Bag", confidence=0.9)
        ledger.commit_chunk(run.id, "G1", "v1", [image], ChunkCost(), theatre.clock.now())
    theatre.clock.set_wall(evening(18, 40))
    theatre.boot()
    theatre.nightly.reconcile()
    assert theatre.states() == {TODAY: "partial"}
    assert len(theatre.clients) == 1
    rows = theatre.settings.results_file.read_text(encoding="utf-8-sig").splitlines()[1:]
    assert [row.split(",")[3] for row in rows] == ["Bag", ""]


@pytest.mark.parametrize(("hours_off", "state"), [(2, "done"), (25, "missed")])
def test_a_machine_that_was_off(theatre: Theatre, hours_off: int, state: str) -> None:
    theatre.run_until(evening(17, 50))
    theatre.clock.set_wall(evening(17, 0) + hours_off * HOUR)
    theatre.boot()
    theatre.nightly.reconcile()
    expected = {TODAY: "done"} if hours_off == 2 else {TODAY: "missed"}
    assert theatre.states() == expected
    if state == "done":
        assert theatre.events("run-late") == ["the run of 2026-05-05 is caught up now"]
        assert theatre.servers[-1].stopped


def test_a_week_off_is_seven_rows_and_one_event(theatre: Theatre) -> None:
    theatre.clock.set_wall(evening(17, 0) + 7 * 24 * HOUR)
    theatre.boot()
    theatre.nightly.reconcile()
    theatre.nightly.reconcile()
    assert list(theatre.states().values()) == ["missed"] * 7
    assert len(theatre.events("run-missed")) == 1
    assert "7 nightly runs missed, 2026-05-05 to 2026-05-11" in theatre.events("run-missed")[0]


def test_nothing_is_due_before_the_first_start(make_theatre: MakeTheatre) -> None:
    theatre = make_theatre(start=evening(18, 40))
    theatre.run_until(evening(23, 0), reconcile_every=HOUR)
    assert theatre.states() == {}
    assert theatre.servers == []


def test_a_first_start_under_a_wrong_clock_does_not_silence_the_schedule(
    make_theatre: MakeTheatre,
) -> None:
    theatre = make_theatre(start=AFTERNOON + 3650 * 24 * HOUR)
    theatre.clock.set_wall(AFTERNOON)
    theatre.boot()
    theatre.run_until(evening(18, 20))
    assert theatre.states() == {TODAY: "done"}


def test_a_clock_that_is_set_right_under_the_first_scheduler_does_not_silence_it(
    make_theatre: MakeTheatre,
) -> None:
    theatre = make_theatre(start=AFTERNOON + 3650 * 24 * HOUR)
    theatre.nightly.reconcile()
    theatre.clock.set_wall(AFTERNOON)
    theatre.run_until(evening(18, 20))
    assert theatre.states() == {TODAY: "done"}


def test_a_first_start_under_a_wrong_clock_is_set_right(make_theatre: MakeTheatre) -> None:
    """Else each later start is the first one: what was due before it is neither run nor told."""
    theatre = make_theatre(start=AFTERNOON + 3650 * 24 * HOUR)
    for day in range(3):  # on in the evening only, after the time
        theatre.clock.set_wall(evening(19, 0) + day * 24 * HOUR)
        theatre.boot()
        theatre.nightly.reconcile()
    theatre.clock.set_wall(evening(19, 0) + 5 * 24 * HOUR)
    theatre.boot()
    theatre.nightly.reconcile()
    states = ["done", "done", "missed", "missed", "done"]
    assert list(theatre.states().values()) == states, "nothing was due before the first evening"


def test_a_clock_set_back_during_the_run_neither_ends_nor_repeats_it(theatre: Theatre) -> None:
    theatre.scripts = [Script(seconds=1200)]
    jumped = False

    def jump() -> None:
        nonlocal jumped
        if theatre.clients and not jumped:
            jumped = True
            theatre.clock.set_wall(theatre.clock.now() - 24 * HOUR)

    theatre.clock.on_tick = jump
    theatre.run_until(evening(20, 0), reconcile_every=HOUR)
    assert theatre.states() == {TODAY: "done"}
    assert len(theatre.clients) == 1


def test_a_clock_a_year_ahead_does_not_write_off_the_year(theatre: Theatre) -> None:
    theatre.clock.set_wall(AFTERNOON + 365 * 24 * HOUR)
    theatre.nightly.reconcile()
    assert len(theatre.states()) == 365
    theatre.clock.set_wall(AFTERNOON)
    theatre.run_until(evening(18, 10))
    assert theatre.states()[TODAY] == "done"
    assert theatre.events("clock-was-wrong")
    theatre.run_until(evening(18, 10) + 24 * HOUR, reconcile_every=HOUR)
    assert theatre.states()["2026-05-06"] == "done"
    assert "missed" not in theatre.states().values()


def test_a_night_under_a_clock_ahead_stops_no_later_one(theatre: Theatre) -> None:
    """Its day is still to come; after a long time off it is the only one of late."""
    theatre.run_until(evening(18, 10))
    theatre.clock.set_wall(evening(18, 10) + 60 * 24 * HOUR)
    theatre.run_until(evening(19, 0) + 60 * 24 * HOUR, reconcile_every=HOUR)
    theatre.clock.set_wall(evening(19, 0))
    theatre.nightly.reconcile()
    theatre.clock.set_wall(evening(19, 0) + 14 * 24 * HOUR)
    theatre.boot()
    theatre.nightly.reconcile()
    assert theatre.events("ledger") == []
    states = theatre.states()
    assert (states[TODAY], states["2026-05-06"], states["2026-05-19"]) == ("done", "missed", "done")


def test_a_stop_leaves_the_run_open_for_the_next_start(theatre: Theatre) -> None:
    theatre.scripts = [Script(state=None, seconds=10_000)]

    def stop() -> None:
        theatre.stopping = theatre.clock.now() >= evening(18, 10)

    theatre.clock.on_tick = stop
    theatre.run_until(evening(18, 12))
    theatre.nightly.shut_down()
    assert theatre.states() == {TODAY: "running"}
    assert theatre.servers[0].stopped


def set_schema(ledger: Path, version: int) -> None:
    with closing(sqlite3.connect(ledger)) as database:
        database.execute(f"PRAGMA user_version = {version}")


def test_a_ledger_that_cannot_be_read_is_told_once_and_tried_again(theatre: Theatre) -> None:
    """It is a newer version's until the software is updated."""
    set_schema(theatre.settings.ledger_file, 99)
    theatre.nightly.reconcile()
    theatre.nightly.reconcile()
    set_schema(theatre.settings.ledger_file, SCHEMA_VERSION)
    assert len(theatre.events("ledger")) == 1
    theatre.run_until(evening(18, 10))
    assert theatre.states() == {TODAY: "done"}


@pytest.mark.parametrize("backed_up", [True, False])
def test_a_ledger_that_is_lost_in_mid_run_is_replaced_and_the_night_is_scored_again(
    theatre: Theatre, backed_up: bool
) -> None:
    """The client has not noticed: it ends content, and its row is gone with the ledger."""
    settings = theatre.settings
    theatre.run_until(evening(12, 0))
    with theatre.ledger() as ledger:
        first_start = ledger.fact(FIRST_START)
        if backed_up:
            ledger.copy_to(settings.backups_folder / "ledger-2026-05-04.db")
    theatre.scripts = [Script(state=None)]
    theatre.clock.on_tick = lambda: lose_ledger(theatre)
    theatre.run_until(evening(18, 20))
    assert theatre.states() == {TODAY: "done"}
    assert len(theatre.clients) == 2
    (told,) = theatre.events("ledger-damaged")
    assert ("the backup ledger-2026-05-04.db" if backed_up else "an empty one") in told
    assert theatre.events("run-failed") == theatre.events("run-missed") == []
    with theatre.ledger() as ledger:
        assert (ledger.fact(FIRST_START) == first_start) is backed_up


def lose_ledger(theatre: Theatre) -> None:
    if len(theatre.clients) == 1 and theatre.clients[0].exit_code() is None:
        for path in theatre.settings.ledger_file.parent.glob("ledger.db*"):
            path.unlink()


def test_a_client_that_was_content_and_left_no_row_is_started_once_more(theatre: Theatre) -> None:
    """Somebody else has replaced the ledger before the scheduler looked."""
    theatre.scripts = [Script(leaves_row=False)]
    theatre.run_until(evening(18, 20))
    assert theatre.states() == {TODAY: "done"}
    assert len(theatre.clients) == 2


def test_a_run_somebody_works_on_is_not_closed(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    theatre.scripts = [Script(state=None, seconds=10_000)]
    theatre.clock.on_tick = _kill_at(theatre, evening(18, 10))
    with pytest.raises(KeyboardInterrupt):
        theatre.run_until(evening(18, 20))
    theatre.clock.on_tick = lambda: None
    theatre.clock.set_wall(evening(18, 40))
    monkeypatch.setattr("scheduler.nightly.run_holder", lambda settings: "its client")
    theatre.boot()
    theatre.nightly.reconcile()
    assert theatre.states() == {TODAY: "running"}


@pytest.mark.slow
def test_a_hundred_days_with_random_trouble(make_theatre: MakeTheatre) -> None:
    """Every due day ends with exactly one terminal state, whatever happened on it."""
    theatre = make_theatre()
    chance = random.Random(7)
    end = AFTERNOON + 100 * 24 * HOUR
    while theatre.clock.now() < end:
        trouble = chance.choice(["none", "none", "off", "vanish", "no row", "server", "long"])
        if trouble == "off":
            theatre.clock.set_wall(theatre.clock.now() + chance.randrange(1, 60) * HOUR)
            theatre.boot()
        theatre.scripts = {
            "vanish": [Script(state=None, exit_code=-9, seconds=2)] * chance.randrange(1, 4),
            "no row": [Script(leaves_row=False, exit_code=1, seconds=2)],
            "long": [Script(seconds=1e6)],
        }.get(trouble, [])
        theatre.server_failures = ["down"] * 3 if trouble == "server" else []
        tomorrow = theatre.clock.now() + 24 * HOUR
        theatre.run_until(tomorrow, reconcile_every=6 * HOUR)
    noon = theatre.clock.now().replace(hour=12) + 24 * HOUR
    theatre.run_until(noon, reconcile_every=6 * HOUR)
    states = theatre.states()
    days = (noon.date() - AFTERNOON.date()).days
    assert sorted(states) == [
        (AFTERNOON.date() + timedelta(days=n)).isoformat() for n in range(days)
    ]
    assert set(states.values()) == {"done", "partial", "failed", "missed"}


def test_a_day_that_is_recorded_keeps_its_state(theatre: Theatre) -> None:
    theatre.run_until(evening(18, 10))
    with Ledger(theatre.settings.ledger_file, 5.0) as ledger:
        run = ledger.nightly_run(date(2026, 5, 5))
        assert run is not None
        ledger.finish_run(run.id, "failed", "too late", AFTERNOON)
    assert theatre.states() == {TODAY: "done"}
