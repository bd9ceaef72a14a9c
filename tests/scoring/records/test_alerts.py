from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from scoring.records import alerts
from scoring.records.alerts import PAUSES, Message
from scoring.records.database import Database
from scoring.records.ledger import Ledger
from scoring.settings import Settings

NOW = datetime(2026, 11, 25, 18, 5, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
FAILED = Message("r1", "run-failed", "problem", "It failed", "Why")


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    with Ledger(settings.ledger_file, 1) as ledger:
        yield ledger.database


def test_a_message_is_written_once_for_each_channel(database: Database) -> None:
    alerts.write(database, [FAILED], ("mail", "chat"), NOW)
    alerts.write(database, [replace(FAILED, title="another")], ("mail", "pager"), NOW + MINUTE)
    waiting = alerts.on_their_way(database)
    assert [(one.message, one.channel) for one in waiting] == [(FAILED, "chat"), (FAILED, "mail")]
    assert alerts.any_due(database, NOW)


def test_a_text_that_no_utf_8_holds_is_written_with_escapes(database: Database) -> None:
    alerts.write(database, [replace(FAILED, body="\udcff")], ("mail",), NOW)
    assert alerts.on_their_way(database)[0].message.body == "\\udcff"


def test_tries_are_ever_further_apart_and_a_wrong_clock_stops_none(database: Database) -> None:
    alerts.write(database, [FAILED], ("mail",), NOW)
    moment = NOW
    for number, pause in enumerate(PAUSES, start=1):
        (one,) = alerts.on_their_way(database)
        assert one.is_due(moment)
        assert alerts.begin(database, one, moment)
        assert not alerts.begin(database, one, moment), "somebody has begun it"
        alerts.settle(database, one, "waiting", "no")
        (one,) = alerts.on_their_way(database)
        assert one.tries == number
        assert not one.is_due(moment + pause - MINUTE / 2)
        assert one.is_due(moment + pause)
        assert one.is_due(moment - DAY), "the clock that told the last try was wrong"
        moment += pause
    assert 4 * DAY < moment - NOW < 5 * DAY, "a long weekend loses nothing"


@pytest.mark.parametrize("state", ["sent", "unsure", "given up"])
def test_what_has_arrived_or_is_given_up_is_on_its_way_no_more(
    database: Database, state: alerts.State
) -> None:
    alerts.write(database, [FAILED], ("mail",), NOW)
    (one,) = alerts.on_their_way(database)
    assert alerts.begin(database, one, NOW)
    assert alerts.any_due(database, NOW), "of a try that was cut short somebody must ask"
    alerts.settle(database, one, state, "why")
    assert alerts.on_their_way(database) == []
    assert not alerts.any_due(database, NOW + DAY)
    (told,) = alerts.latest(database, 5)
    assert (told.state, told.tries, told.error, told.made_at) == (state, 1, "why", NOW)


def test_a_problem_stands_until_it_is_well(database: Database) -> None:
    rules = ("run-failed", "run-partial")
    assert alerts.standing(database, rules, "r9") is None
    alerts.write(database, [FAILED], (), NOW)
    assert alerts.standing(database, rules, "r9") == ("run-failed", NOW)
    assert alerts.standing(database, rules, "r1") is None, "its own end, told once more"
    assert alerts.standing(database, ("drift",), "r9") is None
    alerts.write(database, [Message("r2", "run-failed", "recovery", "well", "")], (), NOW + DAY)
    assert alerts.standing(database, rules, "r9") is None


def test_a_ledger_that_took_anothers_place_sends_nothing_old(database: Database) -> None:
    alerts.write(database, [FAILED], ("mail",), NOW)
    assert alerts.restored(database) is None
    alerts.tell_restored(database, "the backup of yesterday", NOW)
    assert alerts.on_their_way(database) == []
    when, text = alerts.restored(database) or ("", "")
    assert (datetime.fromisoformat(when), text) == (NOW, "the backup of yesterday")


def test_what_is_too_old_is_forgotten(database: Database) -> None:
    alerts.write(database, [FAILED], ("mail",), NOW)
    alerts.tell_restored(database, "text", NOW)
    alerts.write(database, [replace(FAILED, run_id="r2")], ("mail",), NOW + DAY)
    alerts.prune(database, NOW + DAY / 2)
    assert [one.run_id for one in alerts.latest(database, 5)] == ["r2"]
    assert alerts.restored(database) is None
    assert database.query("SELECT count(*) FROM alert_deliveries") == [(1,)]
