"""What people said is learnt, and the rest stays, as far as both can be."""

import numpy as np
from numpy.typing import NDArray

from fashion_model.kept_features import MEASURED, KeptFeatures
from fashion_model.linear_head import LinearHead
from fashion_model.retraining.learning import CAUTIONS, Examples, relearn

CLASSES, WIDTH = 3, 8
OLD = LinearHead(np.eye(WIDTH, CLASSES) * 4.0, np.zeros(CLASSES))


def of_old_kinds(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return features that the old head tells apart, and their classes."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    features = random.normal(0, 0.12, (count, WIDTH))
    features[np.arange(count), labels] += 1.0
    return features.astype(np.float32), labels


def of_a_new_kind(count: int, seed: int) -> Examples:
    """Return pictures of the last class that the old head takes for the first one."""
    random = np.random.default_rng(seed)
    features = random.normal(0, 0.12, (count, WIDTH))
    features[:, 0] += 0.8
    features[:, 6] += 1.0
    labels = np.full(count, CLASSES - 1)
    return Examples(features.astype(np.float32), labels, np.ones(count), np.arange(count))


def held_out(count: int) -> KeptFeatures:
    features, labels = of_old_kinds(count, 9)
    return KeptFeatures(
        features, labels, np.arange(count), np.full(count, MEASURED, np.uint8),
        np.zeros((count, 3), np.float32), "",
    )  # fmt: skip


def right(head: LinearHead, features: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    return float((head.logits(features).argmax(axis=1) == labels).mean())


def test_a_new_kind_is_learnt_beside_the_old_ones() -> None:
    new, unseen = of_a_new_kind(200, 1), of_a_new_kind(300, 2)
    found = relearn(OLD, of_old_kinds(300, 3)[0], new, held_out(900), 0.01)
    assert right(OLD, unseen.features, unseen.labels) < 0.2
    assert right(found.head, unseen.features, unseen.labels) > 0.9
    kept = held_out(900)
    assert right(found.head, kept.features, kept.labels) > 0.985


def test_what_would_be_lost_bounds_what_is_learnt() -> None:
    """Where the new kind looks as the old one does, one of the two is wrong: the old one stays."""
    features, labels = of_old_kinds(300, 4)
    contrary = Examples(features, (labels + 1) % CLASSES, np.ones(300), np.arange(300))
    found = relearn(OLD, of_old_kinds(300, 3)[0], contrary, held_out(900), 0.005)
    kept = held_out(900)
    assert right(found.head, kept.features, kept.labels) > 0.98
    assert found.caution > CAUTIONS[-1]


def test_no_review_moves_nothing_much() -> None:
    features, labels = of_old_kinds(30, 5)
    agreed = Examples(features, labels, np.ones(30), np.arange(30))
    found = relearn(OLD, of_old_kinds(300, 3)[0], agreed, held_out(900), 0.005)
    kept = held_out(900)
    assert right(found.head, kept.features, kept.labels) >= right(OLD, kept.features, kept.labels)


def test_nothing_is_risked_where_nothing_is_gained() -> None:
    """However much may be lost: reviews that say what the model says ask for no other one."""
    features, labels = of_old_kinds(200, 6)
    agreed = Examples(features, labels, np.ones(200), np.arange(200))
    found = relearn(OLD, of_old_kinds(300, 3)[0], agreed, held_out(900), 0.5)
    assert found.caution == CAUTIONS[0]


def test_near_copies_do_not_vouch_for_one_another() -> None:
    new = of_a_new_kind(200, 1)
    copies = Examples(new.features, new.labels, new.weights, np.zeros(200, np.int64))
    found = relearn(OLD, of_old_kinds(300, 3)[0], copies, held_out(900), 0.01)
    assert found.caution == CAUTIONS[0]  # all of one group are learnt from: nobody sees a gain


def test_a_picture_counts_by_its_weight() -> None:
    new = of_a_new_kind(200, 1)
    split = np.random.default_rng(0).random(200) < 0.5
    labels = np.where(split, CLASSES - 1, 1)
    shares = []
    for heavy in (split, ~split):
        weights = np.where(heavy, 1.9, 0.1)
        examples = Examples(new.features, labels, weights, np.arange(200))
        found = relearn(OLD, of_old_kinds(300, 3)[0], examples, held_out(900), 0.01)
        shares.append(right(found.head, new.features, np.full(200, CLASSES - 1)))
    assert shares[0] > 0.8 > 0.2 > shares[1]
