"""The years that the proof lives through are as they are told, and can turn out badly."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from fashion_model.proof import drift as proof
from fashion_model.proof.drift import Pool, false_alarms, nights_until_found, pool_of, year_in_short
from fashion_model.proof.nights import Outputs, Shift
from scoring.monitoring import drift
from scoring.monitoring.e_process import NIGHTS_A_YEAR
from tests.scoring.monitoring.watched_nights import SIGNATURE, held_out

ABOVE = SIGNATURE.thresholds.outlier_score


def pool() -> Pool:
    """Return the bundle's own held-out images, a third of which make a reference."""
    return Pool(held_out(), ABOVE, 1_000)


def alarms(nights: int) -> int:
    years = [year_in_short(pool(), nights, np.random.default_rng(year)) for year in range(3)]
    return sum(sum(false_alarms(year).values()) for year in years)


def test_clean_years_raise_no_alarm() -> None:
    assert alarms(300) == 0


def test_a_test_of_no_difference_at_all_would_cry_wolf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "MARGIN", 0.0)
    monkeypatch.setattr(drift, "REFERENCE_ERRORS", 0.0)

    assert alarms(1_000) > 3


def test_all_nights_at_once_are_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a tolerance, so that there is something to compare."""
    monkeypatch.setattr(drift, "MARGIN", 0.0)
    monkeypatch.setattr(drift, "STRANGE_MARGIN", 0.0)
    monkeypatch.setattr(drift, "REFERENCE_ERRORS", 0.0)
    monkeypatch.setattr(proof, "NIGHTS_A_YEAR", 60)
    in_short = year_in_short(pool(), 300, np.random.default_rng(1))
    as_served = proof.year_of(pool(), 300, np.random.default_rng(1), season=1.0)

    assert {len(nights) for nights in (*in_short.values(), *as_served.values())} == {60}
    for name in (*drift.ANSWERS, *drift.PICTURES, drift.STRANGEST):
        both = [np.log([value for value, _ in year[name]]).mean() for year in (in_short, as_served)]
        assert both[0] == pytest.approx(both[1], abs=0.8)


def test_a_shift_is_found_and_nothing_is_found_in_what_is_none() -> None:
    images = held_out()
    night = proof.night_of(images, np.arange(len(images)))
    unsure = replace(night, confidence=0.8 * night.confidence)

    found = nights_until_found(pool(), Outputs(unsure, images.right), 100)
    clean = nights_until_found(pool(), Outputs(night, images.right), 100)

    assert max(nights for nights, _, _ in found) <= 3
    assert {name for _, by, _ in found for name in by} >= {"confidence"}
    assert {nights for nights, _, _ in clean} == {proof.PATIENCE + 1}


def test_the_pool_has_the_reference_and_what_was_scored_besides() -> None:
    images = held_out()
    outputs = Outputs(proof.night_of(images, np.arange(50)), images.right[:50])
    limits = SIGNATURE.thresholds

    found = pool_of(images, outputs, images.truth[:50], limits.confidence, limits.outlier_score)

    assert len(found.images) == len(images) + 50
    assert found.size == len(images)
    assert found.images.right[-50:].tolist() == outputs.right.tolist()
    assert found.images.flagged[-50:].tolist() == images.flagged[:50].tolist()
    assert NIGHTS_A_YEAR == 365


def test_tables_tell_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in (("YEARS", 2), ("SEASONAL_YEARS", 1), ("NIGHTS_A_YEAR", 10), ("TRIES", 2)):
        monkeypatch.setattr(proof, name, few)
    images = held_out()
    night = proof.night_of(images, np.arange(len(images)))
    unsure = replace(night, confidence=0.8 * night.confidence)
    shift = Shift("unsure", 2, Outputs(unsure, np.zeros(len(images), np.bool_)))

    lines = list(proof.tables(pool(), [shift], 0.95))

    assert "| clean | 1,000 | 2 | 0.000 | none |" in lines
    assert "| unsure | 2 | 95.0 | 1 | 1 | 1 | answers | 0 % |" in lines
    assert lines[-1].startswith("Of shifts that cost 5 points or more, 0 of the tries")
