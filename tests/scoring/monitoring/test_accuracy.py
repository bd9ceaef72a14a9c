"""How right a model probably was: with known truth, made up so that it can be held against it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from msgspec.structs import replace

from scoring.inference.bundle import read_signature
from scoring.monitoring.accuracy import Estimate, Estimator, beyond_trust, pooled, why_not
from scoring.protocol.reference import KINDS, Reference
from scoring.settings import CODE_ROOT

CLASSES = 5
CLOTHING = CODE_ROOT / "models/clothing"
ABOVE = 100.0


def drawn(images: int, seed: int, gaps: float = 0.0, mix: np.ndarray | None = None) -> Reference:
    """Return images of a model that is right as often as it is sure, less ``gaps`` of class 0."""
    random = np.random.default_rng(seed)
    predicted = random.choice(CLASSES, images, p=mix)
    confidence = np.clip(random.beta(8, 1, images), 0.3, 1.0)
    chance = confidence - gaps * (predicted == 0)
    truth = np.where(random.random(images) < chance, predicted, (predicted + 1) % CLASSES)
    others = {"truth": truth, "predicted": predicted, "second": (predicted + 2) % CLASSES}
    numbers = {"confidence": confidence, "second_confidence": (1 - confidence) / 2}
    arrays = {name: random.random(images) for name in KINDS} | others | numbers
    arrays |= {"group": np.arange(images), "flagged": np.zeros(images)}
    return Reference(**{name: arrays[name].astype(kind) for name, kind in KINDS.items()})


def estimated(estimator: Estimator, night: Reference) -> Estimate:
    predicted = night.predicted.astype(np.int64)
    found = estimator.estimate(predicted, night.confidence, night.outlier_score)
    assert found
    return found


@pytest.mark.parametrize("images", [100, 1_000])
def test_the_interval_holds_the_truth_on_clean_nights(images: int) -> None:
    held = 0
    for seed in range(200):
        estimator = Estimator(drawn(2_000, seed), CLASSES, ABOVE)
        night = drawn(images, 1_000 + seed)
        found = estimated(estimator, night)
        held += found.low <= night.right.mean() <= found.high
        assert abs(found.value - night.right.mean()) < (0.15 if images == 100 else 0.05)
    assert held >= 0.93 * 200


@pytest.mark.parametrize("known", [60, 200])
def test_it_holds_it_too_where_few_images_were_held_out(known: int) -> None:
    held = 0
    for seed in range(200):
        night = drawn(2_000, 1_000 + seed)
        found = estimated(Estimator(drawn(known, seed), CLASSES, ABOVE), night)
        held += found.low <= night.right.mean() <= found.high
    assert held >= 0.93 * 200


def test_of_a_few_images_that_were_all_right_the_next_one_may_be_wrong() -> None:
    sure = replace(drawn(24, 15), confidence=np.full(24, 0.999, np.float32))
    sure = replace(sure, truth=sure.predicted)
    night = replace(drawn(2_000, 16), confidence=np.full(2_000, 0.999, np.float32))
    # Wilson's interval for 24 of 24 begins at 86 %.
    assert estimated(Estimator(sure, CLASSES, ABOVE), night).low < 0.95


def test_how_many_images_are_strange_is_known_as_well_as_held_out_images_tell() -> None:
    many, few = (Estimator(drawn(images, 17), CLASSES, 0.97) for images in (20_000, 200))
    assert many.usual_strangers(300) == pytest.approx(0.03 + 2 * np.sqrt(0.03 / 300), abs=0.004)
    assert few.usual_strangers(300) > many.usual_strangers(300) + 0.01


def test_a_class_that_is_less_often_right_than_sure_counts_so_in_whatever_mix() -> None:
    estimator = Estimator(drawn(5_000, 1, gaps=0.3), CLASSES, ABOVE)
    for share in (0.1, 0.8):
        mix = np.array([share, *([(1 - share) / 4] * 4)])
        night = drawn(20_000, 2, gaps=0.3, mix=mix)
        found = estimated(estimator, night)
        assert found.value == pytest.approx(night.right.mean(), abs=0.04)
        assert found.second == pytest.approx(night.right.mean(), abs=0.06)


def test_alike_images_of_one_person_widen_the_interval() -> None:
    alone = drawn(2_000, 3)
    together = Reference(**{name: np.repeat(getattr(alone, name), 10) for name in KINDS})
    wide, narrow = (
        estimated(Estimator(one, CLASSES, ABOVE), drawn(100_000, 4)) for one in (together, alone)
    )
    assert wide.high - wide.low == pytest.approx(narrow.high - narrow.low, rel=0.25)
    assert Estimator(together, CLASSES, ABOVE).usual_strangers(100) < 0.05


def test_the_error_of_what_is_known_is_that_of_people_drawn_again_and_again() -> None:
    people = drawn(3_000, 12, gaps=0.1)
    people = replace(people, group=(np.arange(3_000) // 10).astype(np.uint32))
    night = drawn(1_000_000, 13)
    found = estimated(Estimator(people, CLASSES, ABOVE), night)
    random = np.random.default_rng(14)
    values = []
    for _ in range(200):
        chosen = random.integers(0, 300, 300)
        again = people.take((chosen[:, None] * 10 + np.arange(10)).ravel())
        values.append(
            estimated(Estimator(again, CLASSES, ABOVE), night.take(np.arange(5_000))).value
        )
    width = 2 * 1.96 * float(np.std(values))
    assert found.high - found.low == pytest.approx(width, rel=0.3)


def test_photographs_of_people_that_nothing_is_known_of_are_estimated_within_a_point() -> None:
    """On what the clothing model said of real photographs; docs/monitoring.md has the figures."""
    signature = read_signature(CLOTHING)
    content = (CLOTHING / "reference.npz").read_bytes()
    classes = len(signature.labels)
    everybody = Reference.from_bytes(content, classes)
    people, random = np.unique(everybody.group), np.random.default_rng(0)
    errors, held = [], 0
    for _ in range(100):
        unseen = random.choice(people, len(people) // 4, replace=False)
        is_unseen = np.isin(everybody.group, unseen)
        known, night = everybody.take(~is_unseen), everybody.take(is_unseen)
        found = estimated(Estimator(known, classes, signature.thresholds.outlier_score), night)
        truth = night.right.mean()
        errors.append(abs(found.value - truth))
        held += found.low <= truth <= found.high
    assert np.mean(errors) < 0.01
    assert held >= 93


def test_strangers_beyond_the_usual_count_as_wrong() -> None:
    estimator, night = Estimator(drawn(2_000, 5), CLASSES, ABOVE), drawn(1_000, 6)
    usual = estimated(estimator, night).value
    strange = night.outlier_score.copy()
    strange[:300] = ABOVE + 1
    found = estimator.estimate(night.predicted.astype(np.int64), night.confidence, strange)
    assert found
    assert found.value == pytest.approx(0.7 * usual, abs=0.02)
    assert found.second < 0.75
    nothing_known = np.full(1_000, np.nan)
    same = estimator.estimate(night.predicted.astype(np.int64), night.confidence, nothing_known)
    assert same
    assert same.value == usual


def test_of_no_images_there_is_none() -> None:
    none = np.zeros(0)
    estimator = Estimator(drawn(50, 7), CLASSES, ABOVE)
    assert estimator.estimate(none.astype(np.int64), none, none) is None
    assert pooled([]) is None


def test_a_model_that_is_always_right_or_a_tiny_reference_breaks_nothing() -> None:
    sure = drawn(40, 8)
    sure = Reference(**{**{n: getattr(sure, n) for n in KINDS}, "truth": sure.predicted})
    found = estimated(Estimator(sure, CLASSES, ABOVE), drawn(100, 9))
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.second == 1.0
    found = estimated(Estimator(drawn(1, 10), CLASSES, ABOVE), drawn(1, 11))
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_nights_are_pooled_by_their_images() -> None:
    one, other = Estimate(100, 0.9, 0.8, 1.0, 0.8), Estimate(300, 0.7, 0.6, 0.8, 0.6)
    found = pooled([one, other])
    assert found
    assert found.images == 400
    assert found.value == pytest.approx(0.75)
    assert (found.low, found.high, found.second) == pytest.approx((0.65, 0.85, 0.65))
    assert one.disagreement == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"images": 99}, "too few images (99 of 100)"),
        ({"alarms": ["brightness", "contrast"]}, "tested with (brightness, contrast)"),
        ({"calibrated": date(2025, 11, 1)}, "more than 365 days ago"),
        ({"calibrated": None}, ""),
    ],
)
def test_why_an_estimate_is_not_to_be_relied_on(changed: dict[str, object], said: str) -> None:
    usual: dict[str, object] = {
        "images": 100,
        "fewest": 100,
        "calibrated": date(2026, 1, 1),
        "today": date(2026, 11, 25),
        "most_days": 365,
        "alarms": [],
    }
    why = why_not(**{**usual, **changed})  # type: ignore[arg-type]
    assert (said in why) if said else why == ""


def test_a_night_that_is_too_far_away_says_in_what() -> None:
    assert beyond_trust(-0.6, 1.0, 0.03, 0.0) == []
    assert beyond_trust(-0.8, 1.0, 0.03, -0.5) == ["how sure the model is"]
    assert beyond_trust(0.8, 1.4, 0.05, 0.001) == [
        "how sure the model is",
        "how strange the images are to the model",
        "the share of strange images",
        "some images are unlike the others",
    ]
