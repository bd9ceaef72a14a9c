"""Cut the training images into three parts that never meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashion_model.dataset.people import Fold, person_folds
from fashion_model.dataset.readers import LabelledImages

# Of 60,000 garments: 54,000 to train, 3,000 to fit and choose with, 3,000 to measure with.
HELD_OUT_SHARE = 0.05
# A small data set gives up a larger share, or its held-out parts would say nothing.
SMALL_HELD_OUT_SHARE, SMALL_HELD_OUT = 0.1, 400
FIRST_FOLD = Fold(1, 10)
SPLIT_SEED = 20_170_828  # the day the data set's paper appeared; the split is not a parameter


@dataclass(frozen=True)
class Split:
    """``train`` fits weights, ``fit`` fits temperature and thresholds, ``measure`` does neither.

    ``fold`` says which people are in ``measure``, where it was cut by person.
    """

    train: LabelledImages
    fit: LabelledImages
    measure: LabelledImages
    fold: Fold | None = None


def split_data(data: LabelledImages, fold: Fold = FIRST_FOLD) -> Split:
    """Return the same split for the same number of images, whatever the training seed.

    Where it is known whose pictures they are, ``fold`` is to measure with and the next one to
    fit and choose with; where not, it is of no matter.
    """
    if data.people is not None:
        return _split_by_person(data, data.people, fold)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(data))
    small = min(SMALL_HELD_OUT, round(len(data) * SMALL_HELD_OUT_SHARE))
    held_out = max(1, small, round(len(data) * HELD_OUT_SHARE))
    measure, fit, train = np.split(order, [held_out, 2 * held_out])
    return Split(data.take(np.sort(train)), data.take(fit), data.take(measure))


def _split_by_person(data: LabelledImages, people: NDArray[np.int64], fold: Fold) -> Split:
    folds = person_folds(data.labels, people, fold.count)
    measure, fit = fold.number - 1, fold.number % fold.count
    return Split(
        data.take(np.flatnonzero((folds != measure) & (folds != fit))),
        data.take(np.flatnonzero(folds == fit)),
        data.take(np.flatnonzero(folds == measure)),
        fold,
    )
