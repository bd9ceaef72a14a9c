"""How right a model was by what people judged: unbiased, and honest about what nobody judged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from scoring.monitoring.audited import FEWEST, audited, wilson
from scoring.records.audited_rows import AuditedRun, Judged


def night(
    right: int, wrong: int, unmarked: int = 900, marked: tuple[int, int] = (0, 0), waiting: int = 0
) -> AuditedRun:
    judged = (Judged(True, 0.9),) * right + (Judged(False, 0.9),) * wrong
    surprise = marked[0] * 0.4 - marked[1] * 0.6
    return AuditedRun(unmarked, 60, judged, *marked, surprise, waiting, 0.6 * waiting)


def test_the_sample_stands_for_the_unmarked_and_the_marked_are_counted() -> None:
    found = audited([night(57, 3, unmarked=900, marked=(60, 40))])
    assert found
    assert found.unmarked == pytest.approx(0.95)
    assert found.value == pytest.approx((900 * 0.95 + 60) / 1_000)
    assert found.low < found.value < found.high
    assert (found.judged, found.drawn, found.waiting) == (60, 60, 0)
    assert found.correction == pytest.approx((900 * 0.05 + 60 * 0.4 - 40 * 0.6) / 1_000)


def test_marked_ones_that_wait_widen_the_interval_from_none_right_to_all() -> None:
    known = audited([night(57, 3, marked=(60, 40))])
    waiting = audited([night(57, 3, waiting=100)])
    assert known
    assert waiting
    assert waiting.high - waiting.low == pytest.approx(known.high - known.low + 0.1)
    assert waiting.waiting == 100


def test_nights_count_by_their_images_not_by_their_samples() -> None:
    found = audited([night(60, 0, unmarked=100), night(30, 30, unmarked=9_900)])
    assert found
    assert found.value == pytest.approx((100 + 4_950) / 10_000)
    # The large night's sample is all that is known of nearly all images.
    assert found.low < 0.40 < 0.60 < found.high


def test_few_judged_say_nothing_and_nights_without_any_are_left_out() -> None:
    assert audited([]) is None
    assert audited([night(FEWEST - 1, 0)]) is None
    assert audited([night(FEWEST, 0), night(0, 0, unmarked=5_000)]) == audited([night(FEWEST, 0)])


@given(st.floats(0, 1), st.floats(1, 1e6))
def test_an_interval_holds_its_share_and_stays_within_bounds(share: float, count: float) -> None:
    low, high = wilson(share, count)
    assert 0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1


def test_redrawn_samples_are_right_on_average_and_their_intervals_hold_the_truth() -> None:
    random = np.random.default_rng(0)
    nights = [random.random(size) < 0.94 for size in (300, 1_000, 5_000)]
    truth = np.concatenate(nights).mean()
    found = []
    for _ in range(400):
        samples = [random.choice(one, 60, replace=False) for one in nights]
        runs = [
            night(int(s.sum()), int((~s).sum()), unmarked=len(n))
            for n, s in zip(nights, samples, strict=True)
        ]
        one = audited(runs)
        assert one
        found.append((one.value, one.low <= truth <= one.high))
    assert np.mean([value for value, _ in found]) == pytest.approx(truth, abs=0.004)
    assert np.mean([holds for _, holds in found]) >= 0.93


def test_whoever_tells_of_wrong_answers_only_makes_the_model_no_worse() -> None:
    """A returns desk that sends feedback on what was wrong, while the sample waits half judged."""
    random = np.random.default_rng(1)
    found = []
    for _ in range(300):
        right = random.random(60) < 0.9
        told = ~right & (random.random(60) < 0.7)
        seen = random.permutation(np.flatnonzero(~told))[:30]
        drawn = night(int(right[seen].sum()), int((~right[seen]).sum()))
        one = audited([replace(drawn, picked=(Judged(False, 0.9),) * int(told.sum()))])
        assert one
        found.append(one.value)
    assert np.mean(found) == pytest.approx(0.9, abs=0.01)
