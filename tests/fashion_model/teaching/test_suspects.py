"""Labels that are probably wrong."""

from __future__ import annotations

import numpy as np

from fashion_model.teaching.cross_validation import cross_validate
from fashion_model.teaching.suspects import find_suspects
from scoring.inference.head import softmax
from tests.fashion_model.teaching.test_cross_validation import clouds


def test_wrong_labels_are_found_and_few_others() -> None:
    features, labels = clouds(300, 3, apart=2.0)
    wrong = np.array([4, 50, 101, 222])
    given = labels.copy()
    given[wrong] = (labels[wrong] + 1) % 3
    found = cross_validate(features, given, np.arange(300), 3)
    suspects = find_suspects(softmax(found.logits / found.temperature), given)
    assert {suspect.picture for suspect in suspects[:4]} == set(wrong)
    assert len(suspects) < 15
    for suspect in suspects[:4]:
        assert suspect.rather == labels[suspect.picture]
        assert suspect.of_other > suspect.of_own
    gaps = [suspect.of_own - suspect.of_other for suspect in suspects]
    assert gaps == sorted(gaps)


def test_a_picture_as_sure_as_its_class_usually_is_is_no_suspect() -> None:
    sure = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
    assert find_suspects(sure, np.array([0, 0, 1, 1])) == []


def test_a_doubt_is_no_suspicion() -> None:
    """The other class is likelier, but less so than it is for its own pictures."""
    doubtful = np.array([[0.9, 0.1], [0.45, 0.55], [0.05, 0.95], [0.1, 0.9]])
    assert find_suspects(doubtful, np.array([0, 0, 1, 1])) == []
