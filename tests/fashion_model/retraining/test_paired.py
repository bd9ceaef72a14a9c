"""The bound on what is lost holds as often as it says, and the limits lie between the settings'."""

import numpy as np
import pytest

from fashion_model.retraining.paired import allowed_loss, paired_bound


def test_the_bound_covers_the_truth_in_19_of_20() -> None:
    random = np.random.default_rng(0)
    bounds = []
    for _ in range(2_000):
        old = random.random(800) < 0.95
        changed = random.random(800) < 0.03
        new = np.where(changed, random.random(800) < 0.8, old)
        bounds.append(paired_bound(old, new, None))
    truth = 0.03 * (0.8 - 0.95)
    assert 0.93 <= float((np.array(bounds) <= truth).mean()) <= 0.985


def test_no_difference_is_no_proof_that_there_is_none() -> None:
    same = np.ones(400, np.bool_)
    assert -0.015 < paired_bound(same, same, None) < -0.003
    assert paired_bound(np.ones(4_000, np.bool_), np.ones(4_000, np.bool_), None) > -0.0015


def test_pictures_of_one_person_count_together() -> None:
    old = np.ones(400, np.bool_)
    new = old.copy()
    new[:20] = False
    alone, together = np.arange(400), np.arange(400) // 20
    assert paired_bound(old, new, together) < paired_bound(old, new, alone)
    assert paired_bound(old, new, alone) == paired_bound(old, new, None)


@pytest.mark.parametrize(
    ("count", "points"), [(10, 1.5), (400, 1.5), (1_095, 0.866), (3_000, 0.5), (60_000, 0.5)]
)
def test_more_pictures_allow_less(count: int, points: float) -> None:
    assert allowed_loss(count, 1.5, 0.5) == pytest.approx(points / 100, rel=0.01)


def test_a_limit_of_nothing_is_one() -> None:
    assert allowed_loss(3_000, 0.0, 0.0) == pytest.approx(0.0, abs=1e-9)
