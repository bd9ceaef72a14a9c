"""The threshold for review, and the figures of a lesson."""

from __future__ import annotations

import numpy as np
import pytest

from fashion_model.metrics import independent_count, wilson_interval
from fashion_model.teaching.lesson import sure_threshold


def test_what_passes_the_threshold_is_right_by_both_accounts() -> None:
    confidence = np.linspace(0.9, 1.0, 201)
    right = np.ones(201, bool)
    threshold = sure_threshold(confidence, right)
    assert confidence[confidence >= threshold].mean() == pytest.approx(0.99, abs=1e-3)
    right[190:] = np.arange(11) % 3 > 0
    stricter = sure_threshold(confidence, right)
    assert stricter == 1.0 or right[confidence >= stricter].mean() >= 0.98


@pytest.mark.parametrize("claimed", [0.98, 0.5])
def test_no_confidence_is_enough_where_none_is_sure(claimed: float) -> None:
    assert sure_threshold(np.full(500, claimed), np.ones(500, bool)) == 1.0


def test_sure_and_wrong_answers_pass_no_threshold() -> None:
    assert sure_threshold(np.full(500, 0.999), np.arange(500) % 10 > 0) == 1.0


def test_an_interval_of_a_share() -> None:
    assert wilson_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    low, high = wilson_interval(50, 50)
    assert low == pytest.approx(0.9287, abs=1e-4)
    assert high == pytest.approx(1.0)


def test_pictures_that_are_right_together_count_for_fewer() -> None:
    right = np.arange(100) // 10 % 2 == 0
    assert independent_count(right, np.arange(100)) == 100
    assert independent_count(right, np.arange(100) // 10) == pytest.approx(10)
    assert independent_count(np.ones(100, bool), np.arange(100) // 10) == 10
