"""Choose a few images that stand for all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fashion_model.dataset.readers import LabelledImages


def spread_images(data: LabelledImages, count: int) -> NDArray[np.uint8]:
    """Return ``count`` images uint8 [M, H, W, C], as many of each class as there are.

    And of each class by as many people as there are, where that is known: a hundred pictures of
    one floor say less about what a network meets than ten of ten.
    """
    return data.images[spread_places(data, count)]


def spread_places(data: LabelledImages, count: int) -> NDArray[np.int64]:
    """Return where the images are that ``spread_images`` chooses, int64 [M]."""
    order = np.random.default_rng(0).permutation(len(data))
    if data.people is not None:
        order = _in_turns(order, data.labels * (data.people.max() + 1) + data.people)
    return _in_turns(order, data.labels)[:count]


def _in_turns(order: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return ``order`` with one of each group first, then a second of each, and so on."""
    seen: dict[int, int] = {}
    turns = np.empty(len(order), np.int64)
    for place, group in enumerate(groups[order].tolist()):
        turns[place] = seen[group] = seen.get(group, -1) + 1
    return order[np.argsort(turns, kind="stable")]
