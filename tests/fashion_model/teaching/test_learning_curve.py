"""The learning curve, and what it promises of more pictures."""

from __future__ import annotations

import numpy as np
import pytest

from fashion_model.teaching.cross_validation import cross_validate
from fashion_model.teaching.learning_curve import (
    USUAL_GAIN,
    Point,
    gain_of_doubling,
    learning_curve,
    wishes,
)
from tests.fashion_model.teaching.test_cross_validation import clouds


def points(*accuracies: float, recalls: tuple[float, ...] = (0.9, 0.6)) -> list[Point]:
    sizes = (25, 50, 100, 200, 400)
    return [
        Point(size, accuracy, np.array(recalls))
        for size, accuracy in zip(sizes, accuracies, strict=False)
    ]


def test_more_pictures_are_more_right() -> None:
    features, labels = clouds(480, 3, apart=0.7)
    found = cross_validate(features, labels, np.arange(480), 3)
    curve = learning_curve(features, labels, 3, found)
    assert [point.size for point in curve] == [5, 10, 20, 50, 100, 144]
    assert curve[0].accuracy < curve[3].accuracy <= curve[-1].accuracy + 0.02
    right = found.logits.argmax(axis=1) == labels
    assert curve[-1].accuracy == right.mean()
    assert np.allclose(curve[-1].recalls, [right[labels == k].mean() for k in range(3)])


@pytest.mark.parametrize(
    ("accuracies", "gain"),
    [
        ((0.6, 0.8, 0.9, 0.95), 0.5),  # each time half of the errors
        ((0.7, 0.7, 0.7, 0.7), 0.0),
        ((0.8, 0.7, 0.6, 0.5), 0.0),
        ((0.84, 0.872, 0.8976, 0.91808), 0.2),
        ((1.0, 1.0, 1.0, 1.0), 0.0),
    ],
)
def test_what_twice_the_pictures_bring(accuracies: tuple[float, ...], gain: float) -> None:
    assert gain_of_doubling(points(*accuracies)) == pytest.approx(gain, abs=1e-6)


def test_a_curve_of_few_pictures_says_nothing() -> None:
    assert gain_of_doubling([Point(5, 0.9, np.ones(2)), Point(18, 0.5, np.ones(2))]) == USUAL_GAIN


def test_weak_classes_wish_for_pictures() -> None:
    classes = np.repeat([0, 1], [300, 100])
    (wish,) = wishes(points(0.6, 0.7, 0.775, 0.83125), classes, 2)
    assert (wish.label, wish.pictures, wish.recall) == (1, 100, 0.6)
    # A quarter of the errors per doubling: once as many again.
    assert wish.more == 100
    assert wish.expected == pytest.approx(0.7)


def test_where_the_curve_is_flat_more_pictures_are_not_promised_to_help() -> None:
    (wish,) = wishes(points(0.7, 0.7, 0.7, 0.7), np.repeat([0, 1], 50), 2)
    assert (wish.more, wish.expected) == (0, 0.6)


def test_classes_that_are_right_enough_wish_for_nothing() -> None:
    good = points(0.97, 0.97, 0.97, recalls=(0.96, 0.98))
    assert wishes(good, np.repeat([0, 1], 50), 2) == []
