"""The threshold for review holds for people whose pictures it was not chosen with."""

from __future__ import annotations

import numpy as np
import pytest

from fashion_model.calibrate import fit_temperature
from fashion_model.teaching.sureness import Expected, choose_review
from scoring.inference.head import softmax
from scoring.protocol.signature import Thresholds

HARD, EASY = 0.5, 4.0
PICTURES = 10


def answers(people: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return logits [N, 2], classes and people; each person's pictures are easy or hard alike."""
    random = np.random.default_rng(seed)
    owners = np.repeat(np.arange(people), PICTURES)
    # The share of easy pictures, and how sure the head is of what it gets wrong, vary by person.
    apart = random.choice((HARD, EASY), people, p=(0.4, 0.6))[owners]
    shift = random.normal(0.0, 1.0, people)[owners]
    classes = random.integers(0, 2, len(owners))
    margin = (2 * classes - 1) * apart + shift + random.normal(size=len(owners))
    return np.stack([-margin, margin], axis=1), classes, owners


def chosen(people: int, seed: int) -> tuple[Thresholds, Expected, float]:
    logits, classes, owners = answers(people, seed)
    temperature = fit_temperature(logits, classes)
    found = choose_review(logits, np.zeros(len(classes)), classes, owners, temperature)
    return *found, temperature


def outcome(people: int, seed: int) -> tuple[float, float, Expected]:
    """Return which share of new people's pictures is not marked, and how right these are."""
    thresholds, expected, temperature = chosen(people, seed)
    logits, classes, _ = answers(400, seed + 10_000)
    kept = softmax(logits / temperature).max(axis=1) >= thresholds.confidence
    right = logits.argmax(axis=1) == classes
    return kept.mean(), float(right[kept].mean()) if kept.any() else 1.0, expected


@pytest.mark.parametrize("people", [15, 60])
def test_new_people_are_promised_what_they_get(people: int) -> None:
    runs = [outcome(people, seed) for seed in range(40)]
    held = [right >= expected.at_least for _, right, expected in runs if expected.right]
    assert len(held) >= 20
    assert np.mean(held) >= 0.9
    assert np.mean([right >= 0.98 for _, right, _ in runs]) >= 0.9
    assert np.mean([kept for kept, _, _ in runs]) > 0.1


def test_the_fewer_people_the_more_is_marked() -> None:
    few, many = (np.mean([outcome(n, seed)[0] for seed in range(20)]) for n in (8, 80))
    assert few < 0.8 * many


def test_what_is_said_of_new_pictures_is_about_what_comes() -> None:
    thresholds, expected, _ = chosen(80, 3)
    kept, right, _ = outcome(80, 3)
    assert 0 < thresholds.confidence < 1
    assert 1 - expected.marked == pytest.approx(kept, abs=0.1)
    assert expected.right == pytest.approx(right, abs=0.01)
    assert expected.at_least == pytest.approx(0.98, abs=0.005)


def test_all_is_marked_where_no_confidence_is_enough() -> None:
    random = np.random.default_rng(0)
    logits, classes = random.normal(size=(60, 3)), random.integers(0, 3, 60)
    temperature = fit_temperature(logits, classes)
    thresholds, expected = choose_review(logits, np.zeros(60), classes, np.arange(60), temperature)
    assert thresholds.confidence == 1.0
    assert expected == Expected(1.0, 0.0, 0.0)


def test_three_in_a_hundred_are_called_strange() -> None:
    logits, classes, owners = answers(20, 1)
    scores = np.arange(200.0)
    thresholds, expected = choose_review(logits, scores, classes, owners, 1.0)
    assert (scores > thresholds.outlier_score).mean() == pytest.approx(0.03, abs=0.005)
    assert expected.marked >= 0.03


def test_the_same_answers_give_the_same_thresholds() -> None:
    assert chosen(20, 5) == chosen(20, 5)
