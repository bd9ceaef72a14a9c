"""How much freedom the head gets, chosen on pictures that it was not fitted to, by groups."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from fashion_model.calibrate import cross_entropy, fit_temperature
from fashion_model.linear_head import fit_scaled_head
from scoring.settings import available_cores

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Result = TypeVar("Result")
# Inverse strengths of the regularisation, for features of mean spread 1.
STRENGTHS = (0.001, 0.004, 0.016, 0.064, 0.25)
FOLDS, FOLDS_OF_FEW, FEW = 5, 10, 1_000
SEED = 0


@dataclass(frozen=True)
class Fold:
    """Indices of the pictures to learn from and of those to measure with."""

    learn: Indices
    measure: Indices


@dataclass(frozen=True)
class CrossValidation:
    """What heads say of pictures they were not fitted to: ``logits`` [N, K], and the best
    ``strength`` of the regularisation, ``temperature`` and ``loss`` (nats) with it."""

    strength: float
    folds: list[Fold]
    logits: Floats
    temperature: float
    loss: float


def make_folds(classes: Indices, groups: Indices, most: int | None = None) -> list[Fold]:
    """Cut N pictures into folds of whole groups with about the same shares of the classes.

    There are ``most`` of them, by default more of few pictures; fewer where there are few groups.
    """
    fewest = min(len(np.unique(groups[classes == k])) for k in np.unique(classes))
    usual = FOLDS_OF_FEW if len(classes) < FEW else FOLDS
    count = min(most or usual, fewest)
    cut = StratifiedGroupKFold(count, shuffle=True, random_state=SEED)
    with warnings.catch_warnings():
        # Groups may leave a fold without one of the classes.
        warnings.filterwarnings("ignore", message="The least populated class")
        return [Fold(a, b) for a, b in cut.split(classes, classes, groups)]


def cross_validate(
    features: NDArray[np.float32], classes: Indices, groups: Indices, count: int
) -> CrossValidation:
    """Choose the regularisation on held-out groups, and return what was said of them."""
    folds = make_folds(classes, groups)
    found = [_tried(features, classes, folds, count, strength) for strength in STRENGTHS]
    return min(found, key=lambda one: one.loss)


def _tried(
    features: NDArray[np.float32],
    classes: Indices,
    folds: list[Fold],
    count: int,
    strength: float,
) -> CrossValidation:
    def held_out(fold: Fold) -> Floats:
        head = fit_scaled_head(features[fold.learn], classes[fold.learn], count, strength)
        return head.logits(features[fold.measure])

    logits = np.empty((len(classes), count))
    for fold, said in zip(folds, on_all_cores(held_out, folds), strict=True):
        logits[fold.measure] = said
    temperature = fit_temperature(logits, classes)
    loss = cross_entropy(logits / temperature, classes)
    return CrossValidation(strength, folds, logits, temperature, loss)


Task = TypeVar("Task")


def on_all_cores(work: Callable[[Task], Result], tasks: list[Task]) -> Iterator[Result]:
    """Yield what ``work`` makes of each task, in their order; a core for each, not all for one."""
    with threadpool_limits(1), ThreadPoolExecutor(available_cores()) as threads:
        yield from threads.map(work, tasks)
