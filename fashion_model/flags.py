"""Readers of the flags' values: what cannot be meant is told before the work."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from fashion_model.dataset.people import Fold
from scoring.protocol.signature import check_model_name


def positive_number(text: str) -> float:
    """Read a flag's number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return value


def whole_number(low: int) -> Callable[[str], int]:
    """Return a reader of a flag's whole number from ``low`` on."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {low} on")
        return value

    return read


def fold(text: str) -> Fold:
    """Read a flag's ``K/N``: part K of N, three at least."""
    number, _, count = text.partition("/")
    try:
        wanted = Fold(whole_number(1)(number), whole_number(3)(count))
    except argparse.ArgumentTypeError:
        wanted = None
    if wanted is None or wanted.number > wanted.count:
        raise argparse.ArgumentTypeError(f"{text!r} is no K/N with N from 3 on and K up to N")
    return wanted


def model_name(text: str) -> str:
    """Read a flag that names a model."""
    try:
        return check_model_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error
