"""A head over features that stay as they are."""

import numpy as np
import pytest

from fashion_model.linear_head import NEVER, fit_head, fit_scaled_head
from tests.fashion_model.teaching.test_cross_validation import clouds


@pytest.mark.parametrize("classes", [2, 4])
def test_it_tells_the_classes_and_knows_how_sure_it_is(classes: int) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(400) % classes
    middles = 2.0 * np.eye(classes, 12)
    features = (middles[labels] + random.standard_normal((400, 12))).astype(np.float32)
    head = fit_head(features, labels, classes, 1.0)
    assert (head.kernel.shape, head.bias.shape) == ((12, classes), (classes,))
    logits = head.logits(features)
    right = logits.argmax(axis=1) == labels
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert right.mean() > 0.8
    assert shares.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.05)


def test_less_freedom_makes_smaller_weights() -> None:
    random = np.random.default_rng(1)
    features, labels = random.standard_normal((60, 5)).astype(np.float32), np.arange(60) % 3
    sizes = [np.abs(fit_head(features, labels, 3, c).kernel).sum() for c in (0.001, 0.1, 10.0)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 2


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_a_head_names_what_it_learnt(classes: int) -> None:
    features, labels = clouds(30 * classes, classes, apart=3.0)
    head = fit_scaled_head(features, labels, classes, 0.1)
    unseen, true = clouds(30 * classes, classes, apart=3.0, seed=9)
    assert head.kernel.shape == (30, classes)
    assert (head.logits(unseen).argmax(axis=1) == true).mean() > 0.95


def test_a_class_without_pictures_is_never_named() -> None:
    features, labels = clouds(60, 3, apart=3.0)
    some = labels != 1
    head = fit_scaled_head(features[some], labels[some], 3, 0.1)
    assert (head.logits(features)[:, 1] == NEVER).all()
    assert (head.logits(features)[some].argmax(axis=1) == labels[some]).all()


def test_the_size_of_features_does_not_matter() -> None:
    features, labels = clouds(60, 3, apart=1.0)
    small, large = (
        fit_scaled_head(features, labels, 3, 0.1),
        fit_scaled_head(features * 50, labels, 3, 0.1),
    )
    assert np.allclose(small.logits(features), large.logits(features * 50), atol=0.05)
