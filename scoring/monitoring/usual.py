"""What is usual, and what is not: one night's figure beside those of the nights before.

A figure is odd when two things hold: it lies further from the median of the nights before than
chance and their own spread explain (median absolute deviation, Rousseeuw & Croux 1993: one bad
night among them hides no second one), and so far off that a person would care. The factor is larger
while few nights are known; how rarely a quiet year raises it is in ``test_usual.py``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from scoring.monitoring.facts import Measure

# Fewer nights tell nothing of what is usual; older ones than the last month are past.
FEWEST_NIGHTS = 7
MOST_NIGHTS = 28

# A median absolute deviation is so many times smaller than a normal standard deviation.
MAD_TO_SIGMA = 1.4826
# Standard deviations, as many nights as there may be; and how much more while they are few.
FACTOR = 4.0
FACTOR_OF_FEW = 10.0
# Of one picture's confidence, brightness and the like about their mean: an upper bound in practice.
PICTURE_SPREAD = 0.25


def judge(
    name: str,
    value: float,
    past: Sequence[float | None],
    *,
    chance: float = 0.0,
    least: float = 0.0,
) -> Measure:
    """Return a figure with what was usual of it.

    Args:
        name: what it is called.
        value: tonight's.
        past: those of earlier nights, oldest first; None and what is no number are passed over.
        chance: the standard deviation that tonight's number of pictures alone explains.
        least: nobody cares about a smaller difference.
    """
    known = [one for one in past if one is not None and math.isfinite(one)][-MOST_NIGHTS:]
    if len(known) < FEWEST_NIGHTS or not math.isfinite(value):
        return Measure(name, value)
    middle = float(np.median(known))
    spread = MAD_TO_SIGMA * float(np.median(np.abs(np.subtract(known, middle))))
    allowed = max((FACTOR + FACTOR_OF_FEW / len(known)) * math.hypot(spread, chance), least)
    # The last digits of a sum are no difference.
    is_far = abs(value - middle) > allowed + 1e-9
    odd = int(math.copysign(1, value - middle)) if is_far else 0
    usual = [one for one in known if abs(one - middle) <= allowed + 1e-9]
    return Measure(name, value, min(usual), max(usual), odd)


def judge_ratio(
    name: str, value: float, past: Sequence[float | None], *, least: float = 2.0
) -> Measure:
    """Return a figure above 0 of which halves and doubles count, such as a number of pictures."""
    known = [math.log(one) for one in past if one is not None and one > 0]
    if value <= 0:
        return Measure(name, value)
    found = judge(name, math.log(value), known, least=math.log(least))
    low = None if found.low is None else math.exp(found.low)
    high = None if found.high is None else math.exp(found.high)
    return Measure(name, value, low, high, found.odd)


def judge_share(
    name: str, share: float, past: Sequence[float | None], pictures: int, *, least: float
) -> Measure:
    """Return a share of so many pictures with what was usual of it.

    It is judged by the arcsine of its root, of which chance has the same standard deviation
    whatever the share, and which is less skew from night to night (Anscombe 1948).
    """
    known = [one for one in past if one is not None and 0 <= one <= 1][-MOST_NIGHTS:]
    chance = 0.5 / math.sqrt(max(pictures, 1))
    found = judge(name, _stable(share), [_stable(one) for one in known], chance=chance)
    if found.low is None:
        return Measure(name, share)
    odd = found.odd if abs(share - float(np.median(known))) >= least else 0
    low, high = (math.sin(one) ** 2 for one in (found.low, found.high or 0.0))
    return Measure(name, share, low, high, odd)


def _stable(share: float) -> float:
    return math.asin(math.sqrt(share))


def judge_by_test(name: str, value: float, deciles: Sequence[float]) -> Measure:
    """Return a mean beside the model's test pictures: what there is before enough nights are known.

    ``deciles`` are 11 values of single pictures. The mean of a whole night that lies beyond a tenth
    of them is of another kind of picture.
    """
    low, high = deciles[1], deciles[-2]
    odd = -1 if value < low else 1 if value > high else 0
    return Measure(name, value, low, high, odd, by_test=True)


def chance_of_mean(pictures: int) -> float:
    """Return the standard deviation of a mean over so many pictures that chance explains."""
    return PICTURE_SPREAD / math.sqrt(pictures) if pictures > 0 else 1.0
