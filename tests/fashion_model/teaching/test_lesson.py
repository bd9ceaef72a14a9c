"""The threshold for review, and the figures of a lesson."""

from __future__ import annotations

import numpy as np
import pytest

from fashion_model.metrics import independent_count, wilson_interval
from fashion_model.teaching.lesson import cautious_threshold


def test_the_threshold_leaves_room_for_one_mistake_more() -> None:
    confidence = np.linspace(0.5, 1.0, 200)
    right = np.ones(200, bool)
    assert cautious_threshold(confidence, right) == 0.5
    right[:100] = np.arange(100) % 2 == 0
    threshold = cautious_threshold(confidence, right)
    kept = confidence >= threshold
    assert 0.7 < threshold < confidence[100]
    assert right[kept].sum() / (kept.sum() + 1) >= 0.98


@pytest.mark.parametrize("count", [5, 48])
def test_too_few_pictures_vouch_for_no_threshold(count: int) -> None:
    assert cautious_threshold(np.full(count, 0.99), np.ones(count, bool)) == 1.0


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
