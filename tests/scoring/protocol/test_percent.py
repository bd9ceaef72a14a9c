"""Shares in percent: only all is 100, and only nothing 0."""

from __future__ import annotations

import pytest

from scoring.monitoring import words
from scoring.protocol.percent import in_percent


@pytest.mark.parametrize(
    ("share", "whole", "one", "two"),
    [
        (0, "0", "0.0", "0.00"),
        (1e-12, "1", "0.1", "0.01"),
        (0.5, "50", "50.0", "50.00"),
        (0.9949, "99", "99.5", "99.49"),
        (0.999999, "99", "99.9", "99.99"),
        (1, "100", "100.0", "100.00"),
    ],
)
def test_only_all_is_a_hundred(share: float, whole: str, one: str, two: str) -> None:
    assert [in_percent(share, decimals) for decimals in (0, 1, 2)] == [whole, one, two]


def test_pages_say_more_near_the_ends() -> None:
    shares = (None, 0, 1e-9, 0.004, 0.5, 0.9004, 0.94, 0.99999, 1)
    told = [words.percent(share) for share in shares]
    assert told == ["–", "0 %", "0.1 %", "0.4 %", "50 %", "90 %", "94 %", "99.9 %", "100 %"]
