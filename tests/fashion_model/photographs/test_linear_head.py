"""A head over features that stay as they are."""

import numpy as np
import pytest

from fashion_model.photographs.linear_head import fit_linear_head


@pytest.mark.parametrize("classes", [2, 4])
def test_it_tells_the_classes_and_knows_how_sure_it_is(classes: int) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(400) % classes
    middles = 2.0 * np.eye(classes, 12)
    features = (middles[labels] + random.standard_normal((400, 12))).astype(np.float32)
    kernel, bias = fit_linear_head(features, labels, classes, 1.0)
    assert (kernel.shape, bias.shape) == ((12, classes), (classes,))
    assert kernel.dtype == bias.dtype == np.float32
    logits = features @ kernel + bias
    right = logits.argmax(axis=1) == labels
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert right.mean() > 0.8
    assert shares.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.05)


def test_less_freedom_makes_smaller_weights() -> None:
    random = np.random.default_rng(1)
    features, labels = random.standard_normal((60, 5)).astype(np.float32), np.arange(60) % 3
    sizes = [np.abs(fit_linear_head(features, labels, 3, c)[0]).sum() for c in (0.001, 0.1, 10.0)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 2
