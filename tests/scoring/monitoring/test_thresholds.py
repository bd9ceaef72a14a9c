"""What mean confidence should not fall below, and how rarely clean years advise to retrain."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.monitoring.thresholds import (
    FEWEST_PICTURES,
    WHOLE,
    Limit,
    Thresholds,
    Usual,
    advice,
    after_night,
    judge_model,
    judge_night,
    usual_of,
    words,
)
from scoring.protocol.reference import Reference
from scoring.protocol.signature import REFERENCE_NAME
from tests.conftest import BUNDLE

LABELS = ("Coat", "Shirt", "Bag")
Night = tuple[NDArray[np.int64], NDArray[np.float64]]


def drawn(
    random: np.random.Generator, images: int, shares: tuple[float, ...] = (0.3, 0.3, 0.4)
) -> Night:
    """Return classes and confidences: each class sure of most, and of some not at all."""
    predicted = random.choice(3, images, p=shares)
    doubts = np.array([0.06, 0.15, 0.01])[predicted]
    return predicted, 1 - np.minimum(random.gamma(0.35, doubts / 0.35), 0.85)


def held_out(random: np.random.Generator) -> list[Usual | None]:
    return usual_of(*drawn(random, 3000), len(LABELS))


def judged(
    usual: list[Usual | None], night: Night, explicit: Mapping[str, float] | None = None
) -> dict[str, Limit]:
    return {one.label: one for one in judge_night(LABELS, usual, *night, explicit or {})}


def advised_nights(nights: list[tuple[Limit, ...]]) -> list[int]:
    found, standing = [], Thresholds()
    for number, limits in enumerate(nights):
        standing = after_night(limits, standing)
        found += [number] if standing.is_new else []
    return found


@pytest.mark.parametrize("season", [False, True])
def test_clean_years_advise_nothing(season: bool) -> None:
    random, advised = np.random.default_rng(7), 0
    for _ in range(12):
        usual, nights = held_out(random), []
        for night in range(365):
            turn = 2 * np.pi * (night / 365 + np.arange(3) / 3)
            weights = np.exp(1.5 * np.sin(turn)) if season else np.ones(3)
            shares = tuple(weights / weights.sum())
            night_images = drawn(random, 300, shares)
            nights.append(judge_night(LABELS, usual, *night_images, {}))
        assert all(nights)
        advised += len(advised_nights(nights))
    # With 1,000 years of the model's own held-out pictures it is 0.005 a year.
    assert advised <= 1


def test_a_model_that_became_unsure_is_below_at_once() -> None:
    random = np.random.default_rng(1)
    usual = held_out(random)
    predicted, confidence = drawn(random, 1000)
    found = judged(usual, (predicted, np.where(predicted == 1, confidence - 0.2, confidence)))
    assert [label for label, one in found.items() if one.is_below] == [WHOLE, "Shirt"]


def test_few_pictures_are_not_judged_and_a_few_more_only_with_room_for_chance() -> None:
    usual = held_out(np.random.default_rng(2))
    few = np.full(FEWEST_PICTURES - 1, 1), np.full(FEWEST_PICTURES - 1, 0.1)
    assert judged(usual, few) == {}
    limits = {
        images: judged(usual, (np.full(images, 1), np.full(images, 0.9)))["Shirt"].limit
        for images in (FEWEST_PICTURES, 300, 100_000)
    }
    assert limits[30] < limits[300] < limits[100_000]
    assert usual[1] is not None
    assert limits[100_000] <= usual[1].mean - 0.03 + 1e-9


def test_what_the_settings_say_wins_also_without_a_reference() -> None:
    night = drawn(np.random.default_rng(3), 1000)
    explicit = {WHOLE: 0.99, "Bag": 0.5}
    nothing: list[Usual | None] = [None] * 3
    for usual in (held_out(np.random.default_rng(4)), nothing):
        found = judged(usual, night, explicit)
        assert (found[WHOLE].limit, found["Bag"].limit) == (0.99, 0.5)
        assert found[WHOLE].is_below
        assert not found["Bag"].is_below
        assert found[WHOLE].mean == pytest.approx(night[1].mean())
    assert judged(nothing, night) == {}


def test_a_bundle_s_own_reference_finds_its_own_pictures_well() -> None:
    content = (BUNDLE / REFERENCE_NAME).read_bytes()
    labels = [str(code) for code in range(10)]
    reference = Reference.from_bytes(content, len(labels))
    predicted = reference.predicted.astype(np.int64)
    found = judge_model(reference, labels, predicted, reference.confidence, {})
    assert [one.label for one in found] == [WHOLE, *labels]
    assert not any(one.is_below for one in found)
    worse = judge_model(reference, labels, predicted, reference.confidence - 0.05, {})
    assert worse[0].is_below
    strange = np.full(len(reference), -1)
    assert judge_model(reference, labels, strange, reference.confidence, {}) == ()
    assert judge_model(None, labels, predicted, reference.confidence, {}) == ()


GOOD, BAD = (Limit(WHOLE, 300, 0.95, 0.9),), (Limit(WHOLE, 300, 0.85, 0.9),)


@pytest.mark.parametrize(
    ("nights", "advised"),
    [
        ([BAD, GOOD, GOOD, BAD, GOOD], []),
        ([BAD, BAD], [1]),
        ([BAD, GOOD, BAD], [2]),
        ([BAD, (), BAD], [2]),
        ([BAD, BAD, BAD, GOOD, BAD, BAD], [1]),
        ([BAD, BAD, GOOD, GOOD, GOOD, BAD, BAD], [1, 6]),
    ],
)
def test_two_of_three_nights_advise_once_until_all_is_well(
    nights: list[tuple[Limit, ...]], advised: list[int]
) -> None:
    assert advised_nights(nights) == advised


def test_a_run_by_hand_moves_nothing() -> None:
    first = after_night(BAD, None)
    by_hand = after_night(BAD, first, counts=False)
    assert (by_hand.nights, by_hand.advised, by_hand.is_new) == ((True,), False, False)
    assert by_hand.below == BAD


def test_it_survives_the_ledger() -> None:
    found = after_night(BAD, after_night(BAD, None))
    assert Thresholds.from_json(json.loads(json.dumps(found.as_json()))) == found
    assert Thresholds.from_json({}) == Thresholds()
    assert Thresholds.from_json({"limits": [{"strange": 1}]}) == Thresholds()


def test_it_is_said_in_words() -> None:
    once = after_night(BAD, None)
    assert words(once) == (
        "Mean confidence is below its threshold tonight: all classes 85.0 % (threshold 90.0 %)."
    )
    twice = after_night(BAD, once)
    assert advice("fashion", twice) == (
        "retraining fashion is advised: mean confidence was below its threshold on 2 of the last"
        " 2 nights; now all classes 85.0 % (threshold 90.0 %)"
    )
    assert words(twice).startswith("Retraining is advised.")
    assert "tonight it was not" in words(after_night(GOOD, twice))
    assert words(after_night(GOOD, None)) == "No mean confidence is below its threshold."
    assert words(Thresholds()) == ""
