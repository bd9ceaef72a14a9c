"""Numbers of groups, held against NumPy's own way of finding them, and places among few."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.monitoring.ranks import design_effect, numbered, shares_beyond


@given(st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 5), max_size=60))
def test_groups_are_numbered_as_numpy_does(groups: list[int]) -> None:
    given_groups = np.array(groups, np.uint32)
    own, count = numbered(given_groups)
    kinds, expected = np.unique(given_groups, return_inverse=True)
    assert own.tolist() == expected.tolist()
    assert count == len(kinds)


def test_alike_images_of_a_group_count_for_less() -> None:
    groups = np.repeat(np.arange(50, dtype=np.uint32), 4)
    values = np.repeat(np.linspace(-1.0, 1.0, 50), 4)
    assert np.isclose(design_effect(values, groups), 4.0)
    assert design_effect(values, np.arange(200, dtype=np.uint32)) == 1.0


def test_numbering_groups_loads_nothing() -> None:
    look = (
        "import sys, numpy as np; from scoring.monitoring.ranks import design_effect;"
        " design_effect(np.ones((2, 6)), np.array([1, 1, 2, 2, 3, 3], np.uint32));"
        " sys.exit('numpy.ma' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", look], timeout=60, check=False).returncode == 0


@pytest.mark.parametrize("others", [1, 7, 20, 21, 49, 1_000])
@pytest.mark.parametrize("place", [0.5, 0.95, 0.98])
def test_as_many_lie_beyond_a_place_as_should_however_few_the_others_are(
    others: int, place: float
) -> None:
    random = np.random.default_rng(others)
    found = [
        shares_beyond(random.random(others), np.ones(others), random.random(50), place).mean()
        for _ in range(2_000)
    ]
    assert np.mean(found) == pytest.approx(1.0 - place, abs=0.012)


def test_what_is_larger_than_everything_lies_beyond_and_what_is_smaller_does_not() -> None:
    values, weights = np.arange(100.0), np.full(100, 0.01)
    found = shares_beyond(values, weights, np.array([-1.0, 50.5, 1e9]), 0.98)
    assert found.tolist() == [0.0, 0.0, 1.0]
