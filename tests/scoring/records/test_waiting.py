"""Which pictures wait: flagged, failed, drawn; of the last days, the newest, and of ended runs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scoring.records import waiting
from scoring.records.labels import Labels
from scoring.records.ledger import Ledger
from scoring.records.waiting import Candidate, candidates
from scoring.settings import Settings
from tests.desk.waiting_pictures import DIGITS, NOW, Picture, add_run, drawn, flagged, key_of

WEEK = timedelta(days=7)


def found(settings: Settings, since_days: int = 7) -> dict[str, Candidate]:
    with Ledger.from_settings(settings) as ledger:
        return {
            one.picture.path: one for one in candidates(ledger, NOW - timedelta(days=since_days))
        }


def test_what_the_model_asked_for_and_what_was_drawn(settings: Settings) -> None:
    failed = Picture("failed.png", error="it has no pixels")
    sure = Picture("sure.png", confidence=0.99, review=None)
    add_run(settings, [flagged(1, 0.4), failed, sure, drawn(1)])
    waits = found(settings)
    assert waits.keys() == {"flagged-1.png", "failed.png", "drawn-1.png"}
    one = waits["flagged-1.png"]
    assert (one.label, one.confidence, one.flagged) == ("Coat", 0.4, "low confidence")
    assert (one.model_name, one.sampled, one.wants_a_person) == ("fashion", False, True)
    assert (waits["failed.png"].error, waits["failed.png"].label) == ("it has no pixels", None)
    assert waits["drawn-1.png"].sampled
    assert not waits["drawn-1.png"].wants_a_person


def test_a_file_without_content_is_nobodys_picture(settings: Settings) -> None:
    run = add_run(settings, [flagged(1)])
    with Ledger.from_settings(settings) as ledger, ledger.database.transaction() as connection:
        connection.execute("UPDATE predictions SET content_hash = '' WHERE run_id = ?", (run,))
    assert found(settings) == {}


def test_only_runs_of_the_last_days_that_have_ended(settings: Settings) -> None:
    add_run(settings, [flagged(1), drawn(1)], batch="old", started=NOW - timedelta(days=8))
    add_run(settings, [flagged(2), drawn(2)], batch="now", state="running")
    add_run(settings, [flagged(3), drawn(3)], batch="new", started=NOW - timedelta(days=6))
    assert found(settings).keys() == {"flagged-3.png", "drawn-3.png"}


def test_a_new_content_takes_the_place_of_the_old_one(settings: Settings) -> None:
    add_run(settings, [flagged(1), drawn(1)])
    with Ledger.from_settings(settings) as ledger, ledger.database.transaction() as connection:
        connection.execute("UPDATE predictions SET content_hash = 'older'")
        connection.execute("UPDATE audit_sample SET content_hash = 'older'")
    later = NOW + timedelta(hours=1)
    add_run(settings, [flagged(1), Picture("drawn-1.png", review=None)], started=later)
    waits = found(settings)
    assert {one.picture for one in waits.values()} == {key_of(flagged(1))}


def test_another_models_word_is_the_newer_one(settings: Settings) -> None:
    add_run(settings, [flagged(1), flagged(2), drawn(3)])
    second = [Picture("flagged-1.png", label="7", confidence=0.6),
              Picture("flagged-2.png", label="7", review=None),
              Picture("drawn-3.png", label="7", review=None)]  # fmt: skip
    add_run(settings, second, model=DIGITS, started=NOW + timedelta(hours=1))
    waits = found(settings)
    assert {path: one.model_name for path, one in waits.items()} == {
        "flagged-1.png": "digits",
        "drawn-3.png": "digits",
    }


def test_the_last_word_on_it_comes_along(settings: Settings) -> None:
    add_run(settings, [flagged(1), flagged(2), flagged(3)])
    with Ledger.from_settings(settings) as ledger:
        labels = Labels(ledger)
        labels.add(key_of(flagged(1)), "label", "Bag", reviewer="Ana", source="desk")
        said = labels.add(key_of(flagged(2)), "cannot tell", reviewer="Ana", source="desk")
        labels.undo(said.id, "Ana")
    waits = found(settings)
    assert {path: one.verdict for path, one in waits.items()} == {
        "flagged-1.png": "label",
        "flagged-2.png": "undone",
        "flagged-3.png": None,
    }
    assert [one.is_settled for one in waits.values()].count(True) == 1


def test_what_the_answer_depends_on_is_told_cheaply(settings: Settings) -> None:
    add_run(settings, [flagged(1)])
    with Ledger.from_settings(settings) as ledger:
        before = waiting.state(ledger)
        assert waiting.state(ledger) == before
        add_run(settings, [drawn(2)], started=NOW + timedelta(hours=1))
        assert waiting.state(ledger) != before


@pytest.mark.parametrize("statement", [waiting.FLAGGED, waiting.SAMPLED])
def test_no_look_goes_through_all_predictions(settings: Settings, statement: str) -> None:
    add_run(settings, [flagged(1), drawn(1)])
    with Ledger.from_settings(settings) as ledger:
        plan = ledger.database.query(f"EXPLAIN QUERY PLAN {statement}", ("2026",))
    steps = [row[3] for row in plan]
    assert not [step for step in steps if step.startswith("SCAN p")], steps


def test_times_of_decisions(settings: Settings) -> None:
    add_run(settings, [flagged(1), flagged(2)])
    with Ledger.from_settings(settings) as ledger:
        labels = Labels(ledger, now=lambda: NOW)
        labels.add(key_of(flagged(1)), "label", "Bag", reviewer="Ana", source="desk", seconds=1.5)
        labels.add(key_of(flagged(2)), "label", "Bag", reviewer="Ana", source="desk")
        assert waiting.thinking_times(ledger, NOW - WEEK) == [("Ana", 1.5)]
        assert waiting.thinking_times(ledger, NOW + WEEK) == []
