import math

import numpy as np
import pytest

from scoring.monitoring.e_process import (
    CLEAN_NIGHTS,
    Process,
    advance,
    evidence_of,
    evidence_of_audit,
    limit,
)


def test_evidence_of_even_p_values_is_one_in_the_mean() -> None:
    steps = 1_000_000
    mean = math.fsum(evidence_of((step + 0.5) / steps) for step in range(steps)) / steps

    assert 0.8 < mean <= 1.0


@pytest.mark.parametrize("p", [0.0, 1e-300])
def test_evidence_is_a_number_whatever_the_p_value(p: float) -> None:
    assert math.isfinite(evidence_of(p))


@pytest.mark.parametrize("judged", [0, 1, 7, 60])
@pytest.mark.parametrize("expected", [0.0, 0.01, 0.03, 0.3, 0.9])
def test_evidence_of_audits_is_one_in_the_mean_or_less(judged: int, expected: float) -> None:
    for true in (expected / 2, expected):
        mean = sum(
            math.comb(judged, wrong)
            * true**wrong
            * (1 - true) ** (judged - wrong)
            * evidence_of_audit(wrong, judged, expected)
            for wrong in range(judged + 1)
        )
        assert mean <= 1.0 + 1e-9


def test_twice_as_many_wrong_ones_are_found_within_weeks() -> None:
    random, process, nights = np.random.default_rng(5), Process(), 0
    while not process.alarm:
        nights += 1
        wrong = int(random.binomial(60, 0.06))
        evidence = evidence_of_audit(wrong, 60, 0.03)
        process = advance(process, evidence, str(nights), limit(8), clean=True)

    assert nights <= 28


def test_an_alarm_stands_until_enough_nights_in_a_row_are_clean() -> None:
    raised = advance(Process(), 1e9, "bad", 100.0, clean=False)
    assert raised == Process(100.0, "bad")

    nearly = raised
    for _ in range(CLEAN_NIGHTS - 1):
        nearly = advance(nearly, 0.2, "good", 100.0, clean=True)
    assert nearly.since == "bad"
    assert advance(nearly, 1e9, "bad again", 100.0, clean=False) == raised
    assert advance(nearly, 0.2, "good", 100.0, clean=True) == Process()


def test_there_is_one_false_alarm_a_year_at_most_where_evidence_is_as_good_as_it_gets() -> None:
    """Even p-values, which ours are not: they are larger."""
    random, detectors = np.random.default_rng(6), 8
    alarms, years = 0, 10
    for _ in range(detectors):
        process = Process()
        for night in range(365 * years):
            before, p = process, random.random()
            process = advance(
                process, evidence_of(p), str(night), limit(detectors), clean=p >= 0.05
            )
            alarms += process.alarm and not before.alarm
    assert alarms <= years
