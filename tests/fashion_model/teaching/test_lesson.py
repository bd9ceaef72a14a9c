"""The figures of a lesson."""

from __future__ import annotations

import numpy as np
import pytest

from fashion_model.metrics import independent_count, wilson_interval
from fashion_model.teaching.lesson import Tuning


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


def better(frozen: list[int], tuned: list[int], groups: list[int]) -> bool:
    tuning = Tuning("weights", 1, 1, np.array(frozen, bool))
    return tuning.is_better(np.array(tuned, bool), np.array(groups))


def test_a_tuned_network_is_better_by_more_than_luck() -> None:
    each = list(range(8))
    assert better([0] * 8, [1] * 4 + [0] * 4, each)
    assert not better([0] * 8, [0] * 8, each)
    assert not better([1] * 8, [0] * 8, each)
    assert not better([1, 1, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 1, 1], each)
    # One more and no less, or three of one person's, is luck.
    assert not better([0] * 8, [1] * 3 + [0] * 5, [0, 0, 0, 1, 2, 3, 4, 5])
