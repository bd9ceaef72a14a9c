"""A few images that stand for all of them."""

import numpy as np

from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.spread import spread_images


def numbered(labels: list[int], people: list[int] | None = None) -> LabelledImages:
    """Return images that hold their own number."""
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1)
    owners = None if people is None else np.array(people)
    return LabelledImages(images, np.array(labels), owners)


def test_every_class_has_as_many_as_there_are() -> None:
    labels = [0] * 90 + [1] * 7 + [2] * 3
    chosen = spread_images(numbered(labels), 24).ravel()
    assert len(set(chosen.tolist())) == 24
    assert np.bincount(np.array(labels)[chosen]).tolist() == [14, 7, 3]


def test_of_each_class_as_many_people_as_there_are() -> None:
    labels, people = [0] * 60 + [1] * 60, ([0] * 50 + list(range(10))) * 2
    chosen = spread_images(numbered(labels, people), 20).ravel()
    pairs = {(labels[image], people[image]) for image in chosen}
    assert pairs == {(label, person) for label in (0, 1) for person in range(10)}


def test_all_are_chosen_where_there_are_few() -> None:
    assert sorted(spread_images(numbered([0, 1, 0]), 500).ravel().tolist()) == [0, 1, 2]
