"""Against values that can be worked out."""

import numpy as np
import pytest

from fashion_model.metrics import (
    auroc,
    confidence_threshold,
    confusion_matrix,
    expected_calibration_error,
    threshold_by_person,
)


def test_calibration_error() -> None:
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    right = np.array([True, True, True, False])
    assert expected_calibration_error(confidence, right) == pytest.approx(0.05)
    assert expected_calibration_error(np.array([1.0]), np.array([True])) == 0.0


@pytest.mark.parametrize(
    ("usual", "unusual", "area"),
    [([1, 2, 3], [4, 5], 1.0), ([4, 5], [1, 2], 0.0), ([1, 1], [1, 1], 0.5), ([1, 3], [2], 0.5)],
)
def test_auroc(usual: list[float], unusual: list[float], area: float) -> None:
    assert auroc(np.array(usual, float), np.array(unusual, float)) == area


def test_threshold_is_the_lowest_that_keeps_the_promise() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    assert confidence_threshold(confidence, np.array([True, True, True, False]), 0.99) == 0.7
    assert confidence_threshold(confidence, np.array([False, False, False, False]), 0.99) == 1.0


def test_confusion_counts_true_classes_in_rows() -> None:
    counts = confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    assert counts.tolist() == [[1, 1], [0, 1]]


def test_a_threshold_holds_for_other_people_too() -> None:
    """One person's pictures are wrong: with whom one draws decides, so more is asked for."""
    confidence = np.linspace(0.5, 1.0, 100)
    people = np.arange(100) % 10
    right = (people != 3) | (confidence > 0.9)
    plain = confidence_threshold(confidence, right, 0.98)
    asked = [threshold_by_person(confidence, right, people, 0.98, s) for s in (0.1, 0.5, 0.9)]
    assert asked == sorted(asked)
    assert asked[0] < plain < asked[2]
    assert threshold_by_person(confidence, right, people, 0.98, 0.5) == asked[1]


def test_where_everything_is_right_nothing_is_asked_for() -> None:
    confidence, people = np.array([0.4, 0.6, 0.8]), np.array([0, 0, 1])
    everything = np.ones(3, bool)
    assert threshold_by_person(confidence, everything, people, 0.98, 0.5) in confidence
