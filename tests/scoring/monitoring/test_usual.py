"""What is usual, what is not, and how rarely a quiet year is called odd."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scoring.monitoring.usual import (
    FEWEST_NIGHTS,
    chance_of_mean,
    judge,
    judge_by_test,
    judge_ratio,
    judge_share,
)

QUIET = [0.13, 0.15, 0.14, 0.16, 0.12, 0.15, 0.14, 0.13, 0.16, 0.14]


def test_few_nights_tell_nothing() -> None:
    found = judge_share("flagged", 0.9, QUIET[: FEWEST_NIGHTS - 1], 100, least=0.05)
    assert (found.odd, found.low, found.high) == (0, None, None)
    assert judge_share("flagged", 0.9, QUIET[:FEWEST_NIGHTS], 100, least=0.05).odd == 1


def test_what_is_far_off_is_odd_on_its_side() -> None:
    assert judge("confidence", 0.70, [0.93] * 8, least=0.03).odd == -1
    assert judge("confidence", 0.99, [0.93] * 8, least=0.03).odd == 1
    assert judge("confidence", 0.92, [0.93] * 8, least=0.03).odd == 0


def test_few_pictures_may_be_off_by_chance() -> None:
    assert judge_share("flagged", 0.5, QUIET, 4, least=0.05).odd == 0
    assert judge_share("flagged", 0.5, QUIET, 100, least=0.05).odd == 1


def test_a_bad_night_among_those_before_hides_no_second_one() -> None:
    found = judge_share("flagged", 0.95, [*QUIET, 0.97], 100, least=0.05)
    assert found.odd == 1
    assert found.high is not None
    assert found.high < 0.2  # nor is it called usual


def test_numbers_of_pictures_count_by_their_ratio() -> None:
    past = [100.0, 110, 90, 105, 95, 100, 120]
    assert judge_ratio("images", 150, past).odd == 0
    assert judge_ratio("images", 400, past).odd == 1
    assert judge_ratio("images", 20, past).odd == -1
    found = judge_ratio("images", 100, past)
    assert found.low == pytest.approx(90)
    assert found.high == pytest.approx(120)


def test_what_is_no_number_is_passed_over() -> None:
    found = judge("confidence", 0.93, [None, math.nan, math.inf, *[0.93] * 7], least=0.03)
    assert (found.low, found.high) == (0.93, 0.93)
    assert judge("confidence", math.nan, [0.93] * 9).odd == 0


def test_before_enough_nights_the_test_pictures_tell() -> None:
    deciles = [0.02, 0.12, 0.16, 0.2, 0.23, 0.27, 0.31, 0.36, 0.41, 0.46, 0.7]
    assert judge_by_test("brightness", 0.01, deciles).odd == -1
    assert judge_by_test("brightness", 0.37, deciles).odd == 0
    assert judge_by_test("brightness", 0.37, deciles).by_test


def test_a_quiet_year_is_rarely_called_odd() -> None:
    """Ten classes, a flagged share, a mean and a number, every night of two quiet years."""
    random = np.random.default_rng(0)
    years, odd = 2, 0
    for _ in range(years):
        mixes: list[list[float]] = [[] for _ in range(10)]
        flagged: list[float] = []
        means: list[float] = []
        numbers: list[float] = []
        for _ in range(365):
            count = int(100 * math.exp(random.normal(0, 0.25)))
            mix = random.multinomial(count, random.dirichlet([10.0] * 10)) / count
            share = random.binomial(count, 0.14 * math.exp(random.normal(0, 0.1))) / count
            mean = 0.93 + random.normal(0, 0.01) + random.normal(0, 0.15) / math.sqrt(count)
            chance = chance_of_mean(count)
            found = [
                *(judge_share("", one, mixes[place], count, least=0.1)
                  for place, one in enumerate(mix)),
                judge_share("", share, flagged, count, least=0.05),
                judge("", mean, means, chance=chance, least=0.03),
                judge_ratio("", count, numbers),
            ]  # fmt: skip
            odd += any(one.odd for one in found)
            for place, one in enumerate(mix):
                mixes[place].append(float(one))
            flagged.append(share)
            means.append(mean)
            numbers.append(count)
    assert odd <= 2 * years
