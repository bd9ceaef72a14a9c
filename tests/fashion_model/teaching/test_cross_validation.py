"""Heads are honest on what they did not learn, and tell strangers, whatever the classes' sizes."""

from __future__ import annotations

import numpy as np
import pytest

from fashion_model.linear_head import fit_scaled_head
from fashion_model.metrics import auroc
from fashion_model.teaching.cross_validation import cross_validate, make_folds
from fashion_model.teaching.strangeness import held_out_scores, whole_head
from scoring.inference.head import FloatHead


def clouds(
    count: int, classes: int, apart: float, seed: int = 0, width: int = 30
) -> tuple[np.ndarray, np.ndarray]:
    """Return features float32 [N, width] >= 0 and classes int64 [N]."""
    random = np.random.default_rng(seed)
    middles = np.random.default_rng(1).uniform(1, 1 + apart, (classes, width))
    labels = np.arange(count) % classes
    return np.abs(middles[labels] + random.normal(size=(count, width))).astype(np.float32), labels


def test_groups_are_never_cut() -> None:
    _, labels = clouds(120, 3, apart=1.0)
    groups = np.arange(120) // 4
    folds = make_folds(labels, groups)
    assert sorted(np.concatenate([fold.measure for fold in folds])) == list(range(120))
    for fold in folds:
        assert not set(groups[fold.learn]) & set(groups[fold.measure])
        assert not set(fold.learn) & set(fold.measure)


def test_copies_do_not_flatter() -> None:
    """Labels by chance, each picture four times: by heart all of them, by groups none."""
    random = np.random.default_rng(3)
    once = np.abs(random.normal(size=(40, 60))).astype(np.float32)
    features, labels = np.repeat(once, 4, axis=0), np.repeat(random.integers(0, 2, 40), 4)

    def right(groups: np.ndarray) -> float:
        found = cross_validate(features, labels, groups, 2)
        return float((found.logits.argmax(axis=1) == labels).mean())

    assert right(np.arange(160)) > 0.9
    assert right(np.repeat(np.arange(40), 4)) < 0.75


def test_few_groups_make_few_folds() -> None:
    _, labels = clouds(40, 2, apart=1.0)
    assert len(make_folds(labels, np.arange(40) % 3)) == 3


@pytest.mark.parametrize("count", [40, 400])
def test_strangers_are_told_from_few_and_from_many(count: int) -> None:
    features, labels = clouds(count, 4, apart=3.0, width=120)
    head = FloatHead(whole_head(fit_scaled_head(features, labels, 4, 0.1), features, labels, 4))
    usual = head.apply(clouds(200, 4, apart=3.0, seed=5, width=120)[0])[1]
    strange = np.abs(np.random.default_rng(8).normal(2, 3, (200, 120))).astype(np.float32)
    assert auroc(usual, head.apply(strange)[1]) > 0.99


def test_scores_of_what_was_not_learnt_are_those_of_unseen_pictures() -> None:
    """Fewer pictures than features: what was learnt lies near by itself, the rest does not."""
    features, labels = clouds(60, 3, apart=3.0, width=200)
    found = cross_validate(features, labels, np.arange(60), 3)
    held_out = held_out_scores(features, labels, 3, found)
    head = FloatHead(
        whole_head(fit_scaled_head(features, labels, 3, found.strength), features, labels, 3)
    )
    seen = head.apply(features)[1]
    unseen = head.apply(clouds(60, 3, apart=3.0, seed=4, width=200)[0])[1]
    assert np.median(seen) < np.median(unseen)
    assert abs(np.median(held_out) / np.median(unseen) - 1) < 0.3
