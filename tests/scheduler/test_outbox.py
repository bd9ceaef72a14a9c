"""Who is told of a night, and that the night waits for none of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.launcher import ProcessLauncher
from scoring.protocol.errors import ScoringError
from scoring.records import alerts
from scoring.settings import Settings, load_settings
from tests.deadlines import wait_for
from tests.receivers import http_receiver
from tests.scheduler.virtual_night import Script, Theatre, VirtualClock

AFTERNOON = datetime(2026, 5, 5, 17, 45, tzinfo=UTC)
HOUR = timedelta(hours=1)
NIGHT = "2026-05-05"


@pytest.fixture
def theatre(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Theatre:
    monkeypatch.setenv("SCORING_ALERTS__URLS__MAIL", "mailto://x.example")
    monkeypatch.setenv("SCORING_ALERTS__HEARTBEAT", "https://x.example/1")
    theatre = Theatre(load_settings(schedule={"zone": "UTC"}), VirtualClock(AFTERNOON))
    theatre.nightly.reconcile()
    return theatre


def told(theatre: Theatre) -> list[str]:
    """Return what was written, oldest first: of which night or run, by which rule, what."""
    with theatre.ledger() as ledger:
        rows = alerts.latest(ledger.database, 100)[::-1]
    return [f"{one.rule} {one.kind}" for one in rows]


def send_all(theatre: Theatre, state: alerts.State = "sent") -> None:
    """Play the sender."""
    with theatre.ledger() as ledger:
        for one in alerts.on_their_way(ledger.database):
            alerts.begin(ledger.database, one, theatre.clock.now())
            alerts.settle(ledger.database, one, state, "")


def test_the_heartbeat_hears_of_the_start_before_the_server_is_up(theatre: Theatre) -> None:
    theatre.server_failures = ["no memory"] * 40
    theatre.run_until(AFTERNOON + HOUR / 2)
    assert told(theatre) == ["heartbeat start", "run-failed problem", "heartbeat fail"]
    assert theatre.states() == {NIGHT: "failed"}


def test_a_night_that_failed_for_its_server_is_told_while_there_is_still_none(
    theatre: Theatre,
) -> None:
    theatre.server_failures = ["no memory"] * 40
    theatre.run_until(datetime(2026, 5, 5, 18, 6, tzinfo=UTC))
    assert "run-failed problem" in told(theatre)
    before = theatre.senders
    theatre.run_until(datetime(2026, 5, 5, 18, 15, tzinfo=UTC))
    assert theatre.server_failures
    assert theatre.senders > before


def test_the_sender_is_started_once_the_run_begins_and_while_something_waits(
    theatre: Theatre,
) -> None:
    theatre.run_until(AFTERNOON + HOUR / 4)
    assert theatre.senders == 0, "nobody has anything to say"
    theatre.run_until(AFTERNOON + HOUR / 2)
    assert theatre.senders > 0
    send_all(theatre)
    before = theatre.senders
    theatre.run_until(AFTERNOON + HOUR)
    assert theatre.senders == before


def test_what_failed_is_tried_again_by_the_minute_job_after_a_pause(theatre: Theatre) -> None:
    theatre.run_until(AFTERNOON + HOUR)
    for _ in range(4):  # the next pause is an hour
        send_all(theatre, "waiting")
    before = theatre.senders
    theatre.run_until(theatre.clock.now() + HOUR * 0.9)
    assert theatre.senders == before
    theatre.run_until(theatre.clock.now() + HOUR * 0.2)
    assert theatre.senders > before


def test_a_client_that_is_killed_at_its_very_end_is_told_of_all_the_same(theatre: Theatre) -> None:
    """The played one ends its run and tells nobody of it, as one that a kill meets there."""
    theatre.scripts = [Script(5, "failed", -9)]
    theatre.run_until(AFTERNOON + HOUR)
    assert told(theatre) == ["heartbeat start", "run-failed problem", "heartbeat fail"]


def test_missed_days_are_one_message(theatre: Theatre) -> None:
    theatre.clock.set_wall(AFTERNOON + timedelta(days=7))
    theatre.boot()
    theatre.nightly.reconcile()
    assert told(theatre) == ["run-missed problem", "heartbeat fail"]


def test_a_client_that_dies_is_told_of_as_any_end(theatre: Theatre) -> None:
    theatre.scripts = [Script(5, None, -9)] * 3
    theatre.run_until(AFTERNOON + HOUR)
    assert told(theatre) == ["heartbeat start", "run-partial problem", "heartbeat fail"]


def test_a_ledger_that_was_replaced_is_told_at_once(theatre: Theatre) -> None:
    theatre.settings.ledger_file.write_bytes(b"this is no database" * 500)
    theatre.nightly.reconcile()
    assert told(theatre) == ["ledger-restored problem"]
    assert theatre.senders == 1
    send_all(theatre)
    theatre.nightly.reconcile()
    assert told(theatre) == ["ledger-restored problem"]
    assert theatre.senders == 1


def test_a_sender_that_cannot_be_started_costs_the_night_nothing(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ScoringError("python -m scoring.monitoring.alerts could not be started: no memory")

    monkeypatch.setattr(theatre, "start_sender", refuse)
    theatre.boot()
    theatre.run_until(AFTERNOON + HOUR)
    assert theatre.states() == {NIGHT: "done"}
    assert len(theatre.events("alerts-failed")) == 1, "of the start"
    assert len(theatre.events("failed")) == 1, "once, not every minute"


@pytest.mark.slow
def test_the_real_sender_is_one_process_and_nobody_waits_for_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_receiver() as inbox:
        inbox.hold.clear()
        monkeypatch.setenv("SCORING_ALERTS__URLS__MAIL", inbox.webhook)
        changed = load_settings()
        theatre = Theatre(changed, VirtualClock(changed.now()))
        with theatre.ledger() as ledger:
            message = alerts.Message("r1", "drift", "problem", "Drift", "Why")
            alerts.write(ledger.database, [message], ("mail",), changed.now())
        launcher = ProcessLauncher(changed)
        launcher.start_sender()
        wait_for(lambda: bool(inbox.came), "the message")
        launcher.start_sender()
        inbox.hold.set()
        wait_for(lambda: not _is_open(theatre), "the word that it has arrived")
        assert inbox.titles() == ["Drift"]


def _is_open(theatre: Theatre) -> bool:
    with theatre.ledger() as ledger:
        return bool(alerts.on_their_way(ledger.database))
