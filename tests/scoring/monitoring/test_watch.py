"""Nights are watched: what is estimated, what people judged, what is unlike, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from scoring.monitoring.watch import Watch
from scoring.monitoring.watched_model import DETECTORS, NOT_TESTED, WORDS
from scoring.protocol.reference import Reference
from scoring.records import model_references
from scoring.records.ledger import Ledger
from scoring.records.run_life import NOTHING, RunEnded
from scoring.settings import Settings
from tests.scoring.monitoring.watched_nights import MODEL, Nights


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with Ledger.from_settings(settings) as ledger:
        yield ledger


@pytest.fixture
def nights(settings: Settings, ledger: Ledger) -> Nights:
    return Nights(settings, ledger)


def dimmed(night: Reference) -> Reference:
    """Return a night of a camera that sees less; the model is less sure and more often wrong."""
    return replace(
        night,
        confidence=night.confidence * np.float32(0.6),
        brightness=night.brightness * np.float32(0.5),
        outlier_score=night.outlier_score + np.float32(150),
    )


def events(nights: Nights) -> str:
    return (nights.settings.logs_folder / "Events-log.txt").read_text(encoding="utf-8")


def told(found: dict[str, Any], *path: str) -> Any:
    for name in path:
        found = found[name]
    return found


def test_what_a_detector_watches_is_said_for_any_model() -> None:
    assert set(WORDS) == set(DETECTORS)
    assert not [words for words in WORDS.values() if "garment" in words or "cloth" in words]


def test_a_usual_night_is_estimated_and_nothing_is_amiss(nights: Nights) -> None:
    facts = nights.facts(nights.add(1_000))
    assert told(facts, "estimate", "valid") is True
    assert told(facts, "estimate", "value") == pytest.approx(0.95, abs=0.02)
    assert told(facts, "estimate", "low") < 0.95 < told(facts, "estimate", "high")
    assert facts["audited"] is None
    assert set(told(facts, "drift")) == set(DETECTORS)
    assert not any(one["alarm"] for one in told(facts, "drift").values())
    assert told(facts, "thresholds", "advised") is False
    assert told(facts, "nights", "7", "valid_nights") == 1
    (row,) = nights.ledger.batch_figures()
    assert row.estimate["value"] == told(facts, "estimate", "value")


def test_few_images_and_another_model_are_not_estimated(settings: Settings, ledger: Ledger) -> None:
    nights = Nights(settings, ledger, reference=False)
    facts = nights.facts(nights.add(200))
    assert (told(facts, "estimate", "valid"), told(facts, "estimate", "why")) == (False, NOT_TESTED)
    assert facts["drift"] == {}
    model_references.keep(ledger.database, MODEL.version, b"no archive")
    assert told(nights.facts(nights.add(200)), "estimate", "why") == NOT_TESTED


def test_few_images_are_too_few(nights: Nights) -> None:
    facts = nights.facts(nights.add(30))
    assert told(facts, "estimate", "valid") is False
    assert "too few images (30 of 100)" in told(facts, "estimate", "why")


def test_what_people_judged_leads_and_corrects(nights: Nights) -> None:
    first = nights.add(600)
    judged = nights.judge(first)
    facts = nights.facts(nights.add(600))
    assert told(facts, "audited", "judged") == 60
    assert told(facts, "audited", "waiting") == 0
    assert told(facts, "audited", "value") == pytest.approx(0.95, abs=0.04)
    assert told(facts, "combined") == pytest.approx(0.95, abs=0.06)
    assert facts["counted"] == [first]
    assert judged > 60
    # The night that people judged has its figure in the metrics log now.
    rows = {row.run.id: row.estimate.get("audited") for row in nights.ledger.batch_figures()}
    assert rows[first] == pytest.approx(told(facts, "audited", "value"))
    assert rows["n2"] is None


def test_another_camera_is_not_valid_at_once_and_an_alarm_until_it_is_well(nights: Nights) -> None:
    nights.add(300)
    facts = nights.facts(nights.add(300, dimmed))
    assert told(facts, "estimate", "valid") is False
    assert "how sure the model is" in told(facts, "estimate", "why")
    assert told(facts, "drift", "confidence", "alarm") is True
    assert told(facts, "drift", "confidence", "since") == "n2"
    for _ in range(2):
        facts = nights.facts(nights.add(300))
        assert told(facts, "drift", "confidence", "alarm") is True
        assert told(facts, "estimate", "valid") is False
    facts = nights.facts(nights.add(300))
    assert told(facts, "drift", "confidence", "alarm") is False
    assert told(facts, "estimate", "valid") is True


def test_a_run_by_hand_is_looked_at_and_counts_for_nothing(nights: Nights) -> None:
    nights.add(300)
    by_hand = nights.add(300, dimmed, by_hand=True)
    assert told(nights.facts(by_hand), "estimate", "valid") is False
    assert told(nights.facts(by_hand), "drift", "confidence", "alarm") is False
    facts = nights.facts(nights.add(300))
    assert told(facts, "estimate", "valid") is True
    assert told(facts, "nights", "7", "nights") == 2


def test_what_people_said_of_images_that_are_scored_again_by_hand_counts_once(
    nights: Nights,
) -> None:
    first = nights.add(300)
    nights.judge(first)
    audit = told(nights.facts(nights.add_again(first)), "audited")
    assert (audit["judged"], audit["drawn"]) == (60, 60)


def test_retraining_is_advised_after_two_nights_and_once(nights: Nights) -> None:
    nights.add(300, dimmed)
    assert told(nights.facts("n1"), "thresholds", "advised") is False
    facts = nights.facts(nights.add(300, dimmed))
    assert told(facts, "thresholds", "advised") is True
    nights.add(300, dimmed)
    assert events(nights).count("retrain-advised") == 1


def test_people_who_find_it_wrong_raise_the_alarm_that_nothing_else_raises(nights: Nights) -> None:
    def mislabelled(night: Reference) -> Reference:
        truth = night.truth.copy()
        truth[::8] = (truth[::8] + 1) % 10
        return replace(night, truth=truth)

    alarms = []
    for _ in range(8):
        run = nights.add(400, mislabelled)
        nights.judge(run)
        alarms.append(told(nights.facts(run), "drift", "audit", "alarm"))
    assert alarms[0] is False
    assert alarms[-1] is True
    assert told(nights.facts(run), "estimate", "valid") is False
    assert told(nights.facts(run), "audited", "value") < 0.90


def test_a_run_that_is_told_twice_is_found_to_be_the_same(nights: Nights) -> None:
    nights.add(300)
    second = nights.add(300, dimmed)
    before, run = nights.facts(second), nights.ledger.run(second)
    assert run
    Watch(nights.settings, nights.ledger, nights.events)(RunEnded(run, NOTHING, None, ()))
    assert nights.facts(second) == before


def test_trouble_is_an_event_and_no_more(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("this cannot be")

    monkeypatch.setattr("scoring.monitoring.watched_model.drift.look", fail)
    nights.add(300)
    assert "watch-failed" in events(nights)
