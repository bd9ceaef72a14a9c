"""What optimal transport says of held-out images, and of others that the model is less sure of."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from fashion_model.proof.cott import MOST_IMAGES, Transport
from tests.fashion_model.test_prove import held_out_outputs
from tests.scoring.monitoring.watched_nights import held_out


def test_held_out_images_are_estimated_as_right_as_they_were() -> None:
    clean = held_out_outputs()
    transport = Transport(held_out(), 10)
    random = np.random.default_rng(3)
    nights = [clean.draw(2 * MOST_IMAGES, random) for _ in range(10)]
    found = [transport.estimate(one.night, np.ones(len(one))) for one in nights]
    assert abs(np.mean(found) - clean.accuracy) < 0.01


def test_of_answers_that_the_labels_do_not_fit_more_are_wrong() -> None:
    clean = held_out_outputs()
    transport = Transport(held_out(), 10)
    night = clean.night
    usual = transport.estimate(night, np.ones(len(clean)))
    one_class = replace(
        night, predicted=np.zeros(len(clean), np.int64), second=np.ones(len(clean), np.int64)
    )
    assert transport.estimate(one_class, np.ones(len(clean))) < 0.5 < usual
    assert transport.estimate(night, np.zeros(len(clean))) == 0.0
