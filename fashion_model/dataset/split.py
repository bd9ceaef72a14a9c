"""Cut the training images into three parts that never meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fashion_model.dataset.readers import LabelledImages

# Of 60,000 garments: 54,000 to train, 3,000 to fit and choose with, 3,000 to measure with.
HELD_OUT_SHARE = 0.05
# A small data set gives up a larger share, or its held-out parts would say nothing.
SMALL_HELD_OUT_SHARE, SMALL_HELD_OUT = 0.1, 400
SPLIT_SEED = 20_170_828  # the day the data set's paper appeared; the split is not a parameter


@dataclass(frozen=True)
class Split:
    """``train`` fits weights, ``fit`` fits temperature and thresholds, ``measure`` does neither."""

    train: LabelledImages
    fit: LabelledImages
    measure: LabelledImages


def split_data(data: LabelledImages) -> Split:
    """Return the same split for the same number of images, whatever the training seed."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(data))
    small = min(SMALL_HELD_OUT, round(len(data) * SMALL_HELD_OUT_SHARE))
    held_out = max(1, small, round(len(data) * HELD_OUT_SHARE))
    measure, fit, train = np.split(order, [held_out, 2 * held_out])
    return Split(data.take(np.sort(train)), data.take(fit), data.take(measure))
