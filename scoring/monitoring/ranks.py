"""Where a night's figures stand among those of the reference, class by class.

An image's place is the share of the reference's images of the same answer whose figure is smaller:
evenly spread over 0-1 where nothing has changed, whatever the figure and its spread. Two things
are watched, each of them a mean: the place, which moves where figures become larger or smaller,
and its distance to the middle, which moves where they spread or crowd (Ansari & Bradley 1960).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# What is evenly spread over 0-1 has a standard deviation of so many times less than 1.
EVEN_TO_SIGMA = float(np.sqrt(12.0))
SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")
# Narrower than the share of one image; the quotient would be rounding.
SMALLEST_WIDTH = 1e-9


def scores(values: NDArray[Any], weights: Floats, night: NDArray[Any]) -> Floats:
    """Return of each of ``night`` [N] its place among ``values`` [R] and its distance, [2, N].

    Both are standardised: mean 0 and variance 1 where nothing has changed. An image whose figure
    others have too might stand at any of their places: it has the mean of their scores, so that
    a figure that few values have, or one alone, moves nothing either.
    """
    first, last = _sides(values, weights, night)
    place = (first + last) / 2.0
    width = last - first
    outwards = np.divide(
        _distance_up_to(last) - _distance_up_to(first),
        width,
        out=np.abs(2.0 * place - 1.0),
        where=width > SMALLEST_WIDTH,
    )
    both: Floats = EVEN_TO_SIGMA * (np.stack([place, outwards]) - 0.5)
    return both


def shares_beyond(
    values: NDArray[Any], weights: Floats, night: NDArray[Any], place: float
) -> Floats:
    """Return how much of each of ``night`` [N] lies beyond a place 0-1 among ``values``, 0-1 [N].

    One image more among R others comes before, between or behind them, anywhere as likely: it
    takes up one of R + 1 parts. Where nothing has changed the mean is 1 - ``place`` for it, however
    few the others are; of twenty each place is a twentieth, and too coarse for a tail of two in a
    hundred.
    """
    own = float((weights**2).sum()) / float(weights.sum()) ** 2
    first, last = _sides(values, weights, night)
    begin, end = first / (1.0 + own), (last + own) / (1.0 + own)
    return np.clip((end - place) / (end - begin), 0.0, 1.0)


def _sides(values: NDArray[Any], weights: Floats, night: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return the share of ``values`` that is smaller than each of ``night``, and no larger."""
    order = np.argsort(values, kind="stable")
    values, sums = values[order], np.concatenate(([0.0], np.cumsum(weights[order])))
    first, last = (sums[np.searchsorted(values, night, side)] / sums[-1] for side in SIDES)
    return first, last


def _distance_up_to(place: Floats) -> Floats:
    """Return the integral of the distance to the middle, |2u - 1|, from 0 to each place."""
    rest = place - 0.5
    found: Floats = 0.25 + np.sign(rest) * rest**2
    return found


def design_effect(of: NDArray[Any], groups: NDArray[np.uint32]) -> float:
    """Return how many images are as good as one to tell the mean of ``of`` [..., N].

    Those of one group (a person, on one floor, in one light) are alike: the means of so many
    groups vary more than those of as many images from everywhere (Kish 1965). 1 at least.
    """
    own, count = numbered(groups)
    if count == len(own):
        return 1.0
    worst = 1.0
    for row in np.atleast_2d(of).astype(np.float64):
        rest = row - row.mean()
        spread = float((rest**2).sum())
        if spread > 0:
            worst = max(worst, float((np.bincount(own, rest) ** 2).sum()) / spread)
    return worst


def numbered(groups: NDArray[np.uint32]) -> tuple[NDArray[np.int64], int]:
    """Return which group each image [N] is of, numbered from 0, and how many groups there are.

    NumPy's own ``unique`` loads ``numpy.ma`` for it: 8 to 17 ms of a run's end.
    """
    order = np.argsort(groups, kind="stable")
    begins = np.ones(len(groups), np.int64)
    begins[1:] = groups[order[1:]] != groups[order[:-1]]
    own = np.empty(len(groups), np.int64)
    own[order] = np.cumsum(begins) - 1
    return own, int(begins.sum())
