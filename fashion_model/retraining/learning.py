"""A head that learns what people said, and stays where it was with everything else.

The old head is where it starts from and what it is drawn back to, and on pictures that the bundle
learnt from it shall say what the old one said (Li and Hoiem 2016, "Learning without Forgetting",
arXiv 1606.09282). How much that counts against the reviews is tried, the most cautious first, for
as long as the bound on what is lost of held-out pictures allows. Tests in a fixed order that end
with the first failure keep their 95 % together, so that what is chosen needs no other pictures
(Angelopoulos et al. 2021, "Learn then Test", arXiv 2110.01052). Nothing is risked for nothing: some
reviewed pictures are kept back, to see what a bolder head brings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from fashion_model.kept_features import KeptFeatures
from fashion_model.linear_head import LinearHead
from fashion_model.retraining.paired import paired_bound
from scoring.inference.head import softmax

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]
# Softened by it, the old head's answers tell apart what it is sure of alike: of pictures that it
# learnt from, most.
SOFTNESS = 2.0
# How much an old picture counts against a reviewed one, the most cautious first.
CAUTIONS = (2048.0, 1024.0, 512.0, 256.0, 128.0, *(64.0 * 2.0 ** (-step / 2) for step in range(15)))
# The penalty on moving away, for features of variance 1.
PENALTY = 1e-4
# Steps with each caution, which goes on where the one before it ended: fewer for many pictures of
# many features (this many numbers are gone through), or photographs would take minutes.
MOST_STEPS, LEAST_STEPS, NUMBERS = 150, 16, 100_000_000
# One part in so many of the reviewed pictures is not learnt from, to see what is gained.
PARTS = 8


@dataclass(frozen=True)
class Examples:
    """Features float32 [N, F] of pictures with their classes int64 [N] and weights of mean 1.

    ``groups`` int64 [N]: near-copies have the same.
    """

    features: NDArray[np.float32]
    labels: Indices
    weights: Floats
    groups: Indices

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, which: Flags) -> Examples:
        """Return those pictures."""
        return Examples(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Relearnt:
    """A new head, and with how much caution it was learnt."""

    head: LinearHead
    caution: float


def relearn(
    old: LinearHead,
    anchors: NDArray[np.float32],
    reviewed: Examples,
    held_out: KeptFeatures,
    allowed: float,
) -> Relearnt:
    """Return the head that learnt of ``reviewed`` what it can without losing ``held_out``.

    ``anchors`` [M, F] are pictures that the bundle learnt from, ``held_out`` those it did not: of
    them at most the share ``allowed`` is lost, by the bound that the gate asks for, too. The most
    cautious head is returned where each loses more.
    """
    kept_back = np.unique(reviewed.groups, return_inverse=True)[1] % PARTS == PARTS - 1
    problem = _Problem(old, anchors, reviewed.take(~kept_back))
    to_see = reviewed.take(kept_back)
    before = _right(old, held_out.features, held_out.labels)
    tried: list[Relearnt] = []
    moved = np.zeros(problem.shape)
    for caution in CAUTIONS:
        moved = problem.solve(caution, moved)
        head = problem.head(moved)
        after = _right(head, held_out.features, held_out.labels)
        if tried and paired_bound(before, after, held_out.known_people) < -allowed:
            break
        tried.append(Relearnt(head, caution))
    rights = [_right(one.head, to_see.features, to_see.labels) for one in tried]
    return tried[_least_of_the_best(rights, to_see.weights)]


def _least_of_the_best(rights: list[Flags], weights: Floats) -> int:
    """Return the place of the first that is as good as the best one, but for chance.

    The rule of one standard error (Breiman et al. 1984, "Classification and Regression Trees"), of
    the difference by the same pictures.
    """
    best = max(rights, key=lambda right: float(weights[right].sum()))
    for place, right in enumerate(rights):
        change = weights * (best.astype(np.float64) - right)
        if change.sum() <= np.sqrt((change**2).sum()):
            return place
    return len(rights) - 1


def _right(head: LinearHead, features: NDArray[np.float32], labels: Indices) -> Flags:
    return np.asarray(head.logits(features).argmax(axis=1) == labels, np.bool_)


class _Problem:
    """The loss, in how far the head moves: kernel and bias, [F + 1, K]."""

    def __init__(self, old: LinearHead, anchors: NDArray[np.float32], reviewed: Examples) -> None:
        rows = np.concatenate([anchors, reviewed.features]).astype(np.float64)
        self._middle, self._spread = rows.mean(axis=0), max(float(rows.std(axis=0).mean()), 1e-9)
        self._rows = np.column_stack(((rows - self._middle) / self._spread, np.ones(len(rows))))
        self._logits = rows @ old.kernel + old.bias
        self._old, self._anchors, self._weights = old, len(anchors), reviewed.weights
        self._softness = np.where(np.arange(len(rows)) < len(anchors), SOFTNESS, 1.0)[:, None]
        classes = old.kernel.shape[1]
        soft = softmax(self._logits[: len(anchors)] / SOFTNESS)
        self._wanted = np.concatenate([soft, np.eye(classes)[reviewed.labels]])
        self.shape = (rows.shape[1] + 1, classes)
        self._steps = max(LEAST_STEPS, min(MOST_STEPS, NUMBERS // self._rows.size))

    def solve(self, caution: float, start: Floats) -> Floats:
        """Return how far the head moves with so much ``caution``, looking from ``start`` on."""
        # Softened answers have gradients smaller by the square of the softness.
        old = np.full(self._anchors, caution * SOFTNESS**2)
        weights = np.concatenate([old, self._weights])[:, None]
        total = float(weights.sum())

        def loss(flat: Floats) -> tuple[float, Floats]:
            moved = flat.reshape(self.shape)
            logits = (self._logits + self._rows @ moved) / self._softness
            logits -= logits.max(axis=1, keepdims=True)
            powers = np.exp(logits)
            sums = powers.sum(axis=1, keepdims=True)
            lost = (self._wanted * (np.log(sums) - logits)).sum(axis=1, keepdims=True)
            errors = (powers / sums - self._wanted) * (weights / self._softness)
            slope = self._rows.T @ errors / total + 2.0 * PENALTY * moved
            value = float((weights * lost).sum()) / total + PENALTY * float((moved**2).sum())
            return value, slope.ravel()

        found = minimize(
            loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": self._steps}
        )
        return np.asarray(found.x, np.float64).reshape(self.shape)

    def head(self, moved: Floats) -> LinearHead:
        """Return the head that has moved so far, for features as they are."""
        kernel = moved[:-1] / self._spread
        bias = self._old.bias + moved[-1] - self._middle @ kernel
        return LinearHead(_as_kept(self._old.kernel + kernel), _as_kept(bias))


def _as_kept(values: Floats) -> Floats:
    """A bundle keeps its head in single precision: what is judged is what will serve."""
    return values.astype(np.float32).astype(np.float64)
