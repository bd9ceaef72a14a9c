"""From which confidence on nobody has to look, and what can be promised of the rest.

Chosen with held-out answers of a few people, and meant for others: so it is chosen again and again
for other sets of people that might have been drawn, and what suffices for nearly all is taken. The
fewer people or things there are, the more the sets differ, and the more is marked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.inference.head import softmax
from scoring.protocol.signature import Thresholds

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]
# Rows that are not marked shall be right so often, and their mean confidence shall claim a little
# more: of a few dozen pictures what was right says little, and the confidences more.
REVIEW_ACCURACY, CLAIMED_ACCURACY = 0.98, 0.99
# For such a share of the sets of people (see docs/teaching.md for how the promise is kept).
SURENESS = 0.95
DRAWS = 500
# New people's pictures are stranger than those at hand; so many of these may be called strange.
STRANGE_SHARE = 0.03
TEMPERATURES = np.geomspace(0.05, 20.0, 61)
# Chances in ten that what is said of the unmarked holds.
CHANCES = 0.9


@dataclass(frozen=True)
class Expected:
    """What to expect of new pictures, shares of 0-1.

    So many are ``marked`` for a person; of the others so many are ``right`` on average, and
    ``at_least`` so many with nine chances in ten. Both are 0 where all are marked.
    """

    marked: float
    right: float
    at_least: float


@dataclass(frozen=True)
class _Draws:
    """Sets of people: ``weights`` [D, N] says how often each picture is in each of them, and
    ``confidence`` [D, N] what is claimed of it at the temperature that suits the set."""

    weights: Floats
    confidence: Floats


def choose_review(
    logits: Floats, scores: Floats, classes: Indices, groups: Indices, temperature: float
) -> tuple[Thresholds, Expected]:
    """Return thresholds by held-out logits [N, K] and scores [N], and what they let expect.

    Pictures of one of the ``groups`` [N] go together. The confidence is 1.0 where none suffices:
    every row is marked then.
    """
    strange = float(np.quantile(scores, 1.0 - STRANGE_SHARE))
    usual = np.flatnonzero(scores <= strange)
    right = logits.argmax(axis=1) == classes
    draws = _draw(logits, classes, groups)
    enough = [
        _enough(confidence[usual], right[usual], weights[usual])
        for confidence, weights in zip(draws.confidence, draws.weights, strict=True)
    ]
    count = int(np.quantile(enough, 1.0 - SURENESS, method="lower"))
    confidence = softmax(logits[usual] / temperature).max(axis=1)
    surest = usual[np.argsort(-confidence, kind="stable")][:count]
    needed = float(np.sort(confidence)[-count]) if count else 1.0
    return Thresholds(needed, strange), _expected(draws, right, surest)


def _expected(draws: _Draws, right: Flags, surest: Indices) -> Expected:
    """Return what the sets of people say of the pictures that are not marked, ``surest`` [M]."""
    weights = draws.weights[:, surest]
    total = weights.sum(axis=1)
    if not total.any():
        return Expected(1.0, 0.0, 0.0)
    there = total > 0
    claimed = (weights * draws.confidence[:, surest]).sum(axis=1)[there] / total[there]
    seen = (weights * right[surest]).sum(axis=1)[there] / total[there]
    worse = np.minimum(claimed, seen)
    # Chosen to be right enough, they look better than they are: no more is promised than that.
    promise = min(REVIEW_ACCURACY, float(np.quantile(worse, 1.0 - CHANCES)))
    return Expected(1.0 - len(surest) / len(right), float(worse.mean()), promise)


def _draw(logits: Floats, classes: Indices, groups: Indices) -> _Draws:
    """Draw as many groups as there are, each as often as it comes, and fit a temperature to them.

    Source: the bootstrap of clusters, Davison and Hinkley 1997, "Bootstrap Methods", 3.8.
    """
    random = np.random.default_rng(0)
    _, place = np.unique(groups, return_inverse=True)
    count = int(place.max()) + 1
    often = random.multinomial(count, np.full(count, 1.0 / count), DRAWS).astype(np.float64)
    weights = often[:, place]
    claims = np.empty((len(TEMPERATURES), len(classes)))
    losses = np.empty_like(claims)
    for row, temperature in enumerate(TEMPERATURES):
        probabilities = softmax(logits / temperature)
        claims[row] = probabilities.max(axis=1)
        own = probabilities[np.arange(len(classes)), classes]
        losses[row] = -np.log(np.maximum(own, np.finfo(np.float64).tiny))
    return _Draws(weights, claims[(weights @ losses.T).argmin(axis=1)])


def _enough(confidence: Floats, right: Flags, weights: Floats) -> int:
    """Return how many of the surest pictures [N] are right often enough, by both accounts."""
    order = np.argsort(-confidence, kind="stable")
    total = np.maximum(np.cumsum(weights[order]), 1e-12)
    claimed = np.cumsum((confidence * weights)[order]) / total
    seen = np.cumsum((right * weights)[order]) / total
    enough = np.flatnonzero((claimed >= CLAIMED_ACCURACY) & (seen >= REVIEW_ACCURACY))
    return int(enough[-1]) + 1 if len(enough) else 0
