"""Coarse pictures among photographs."""

import numpy as np

from fashion_model.photographs.coarse import coarse_copies, watch_for


def test_copies_are_coarse_some_grey_and_some_inverted() -> None:
    striped = np.full((40, 112, 112, 3), (200, 40, 90), np.uint8)
    striped[:, ::2] += 40
    copies = coarse_copies(striped, np.random.default_rng(1))
    assert copies.shape == striped.shape
    # Lines of one pixel are gone.
    assert np.abs(np.diff(copies.astype(int), axis=1)).max() <= 1
    grey = (copies.max(axis=3) == copies.min(axis=3)).all(axis=(1, 2))
    assert 8 < grey.sum() < 32
    dark = np.full((40, 112, 112, 3), 40, np.uint8)
    levels = coarse_copies(dark, np.random.default_rng(2)).mean(axis=(1, 2, 3))
    assert set(levels.tolist()) == {40.0, 215.0}


def test_the_new_axis_tells_what_no_other_did() -> None:
    """Strangers are off by as much as is usual in every direction, but always to one side."""
    random = np.random.default_rng(0)
    middles = 4.0 * np.eye(3, 40)
    labels = np.arange(900) % 3
    usual = middles[labels] + random.standard_normal((900, 40))
    strange = middles[labels] + random.standard_normal((900, 40))
    strange[:, 30:] += 1.5
    whitening, means = watch_for(strange[:450], usual, np.eye(40), middles, labels)
    assert whitening.shape == (40, 41)
    assert means.shape == (3, 41)

    def told(count: int) -> float:
        def scores(features: np.ndarray) -> np.ndarray:
            white = features @ whitening[:, :count]
            distances = ((white[:, None] - means[None, :, :count]) ** 2).sum(axis=2)
            return np.asarray(distances.min(axis=1))

        limit = np.quantile(scores(usual), 0.95)
        return float((scores(strange[450:]) > limit).mean())

    assert told(40) < 0.9
    assert told(41) > 0.97
