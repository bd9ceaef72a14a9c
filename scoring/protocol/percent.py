"""Shares as digits of percent, by one rule wherever a person reads them."""

from __future__ import annotations


def in_percent(share: float, decimals: int) -> str:
    """Return a share of 1 in percent: what is not all is never 100, what is not nothing never 0."""
    value = 100 * share
    # Whole percents from 1 to 99 are never rounded to an end.
    if 0 < share < 1 and not 1 <= value <= 99:
        least = 10.0**-decimals
        value = min(max(value, least), 100 - least)
    return f"{value:.{decimals}f}"
