"""How much worse a model may be than another, by the same pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
# One-sided 95 %.
DEVIATIONS = 1.645
FEW, MANY = 400, 3_000


def paired_bound(old: Flags, new: Flags, people: NDArray[np.int64] | None) -> float:
    """Return the one-sided 95 % bound, at worst, of what is gained (a share; less is lost).

    Adjusted as Bonett and Price 2012 do ("Adjusted Wald Confidence Interval for a Difference of
    Binomial Proportions Based on Paired Data"): few differences are no proof that there are none.
    Wider where one person's pictures are lost and won together.
    """
    count = len(old) + 2.0
    gained, lost = ((new & ~old).sum() + 1) / count, ((old & ~new).sum() + 1) / count
    spread = np.sqrt((gained + lost - (gained - lost) ** 2) / count * _together(old, new, people))
    return float(gained - lost - DEVIATIONS * spread)


def _together(old: Flags, new: Flags, people: NDArray[np.int64] | None) -> float:
    """Return how much wider the variance is for what one person's pictures have in common."""
    changed = old != new
    if people is None or not changed.any():
        return 1.0
    gains = new.astype(np.float64) - old
    sums = np.bincount(np.unique(people, return_inverse=True)[1], gains - gains.mean())
    return max(1.0, float((sums**2).sum() / ((gains - gains.mean()) ** 2).sum()))


def allowed_loss(count: int, few: float, many: float) -> float:
    """Return the share that may be lost on so many pictures; ``few`` and ``many`` are in points.

    Between the two sizes the points shrink evenly by the logarithms, as a bound does.
    """
    place = np.log(min(max(count, FEW), MANY) / FEW) / np.log(MANY / FEW)
    points = np.exp(np.interp(place, (0, 1), np.log(np.maximum((few, many), 1e-9))))
    return float(points) / 100
