"""The head of a bundle for photographs: 1,280 features, and their whitening in half precision."""

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.inference.bundle import Head
from scoring.inference.head import FloatHead

FEATURES, CLASSES, ROWS = 1_280, 10, 37


def made_features(count: int) -> NDArray[np.float32]:
    """Return features as a network gives them: rectified, few of them large."""
    return np.random.default_rng(1).gamma(0.3, 0.5, (count, FEATURES)).astype(np.float32)


def head(kind: type) -> Head:
    random = np.random.default_rng(0)
    whitening = random.normal(scale=2.0, size=(FEATURES, FEATURES))
    means = np.sqrt(made_features(CLASSES).astype(np.float64)) @ whitening
    return Head(
        random.normal(scale=0.1, size=(FEATURES, CLASSES)).astype(np.float32),
        random.normal(size=CLASSES).astype(np.float32),
        whitening.astype(kind),
        means.astype(np.float32),
    )


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_a_row_has_the_same_numbers_at_every_place_and_in_any_company(kind: type) -> None:
    applied, features = FloatHead(head(kind)), made_features(ROWS)
    logits, scores = applied.apply(features)
    for turn in range(1, ROWS):
        turned = applied.apply(np.roll(features, turn, axis=0))
        assert np.array_equal(np.roll(turned[0], -turn, axis=0), logits)
        assert np.array_equal(np.roll(turned[1], -turn), scores)
    for row in range(ROWS):
        assert applied.apply(features[[row]])[1][0] == scores[row]


def test_half_precision_keeps_the_order_of_strangers() -> None:
    """And the scores, to a share that no threshold could tell."""
    features = made_features(500)
    features[:50] *= np.linspace(1.2, 3.0, 50, dtype=np.float32)[:, None]
    whole, half = (FloatHead(head(kind)).apply(features)[1] for kind in (np.float32, np.float16))
    assert not np.array_equal(whole, half)
    assert np.allclose(whole, half, rtol=1e-3)
    order, kept = (np.argsort(np.argsort(scores)) for scores in (whole, half))
    assert np.corrcoef(order, kept)[0, 1] > 0.9999
