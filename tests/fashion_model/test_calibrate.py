"""Against values that can be worked out."""

import numpy as np
import pytest

from fashion_model.calibrate import fit_temperature


@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
def test_temperature_is_found_again(true: float) -> None:
    random = np.random.default_rng(0)
    honest = random.normal(size=(5_000, 4)) * 1.5
    noise = random.gumbel(size=honest.shape)
    labels = (honest + noise).argmax(axis=1)
    assert fit_temperature(honest * true, labels) == pytest.approx(true, rel=0.05)
