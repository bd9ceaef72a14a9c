"""The gate refuses what is worse, and what it cannot judge, with a line for each condition."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from fashion_model.gate import CHECKS, Side, Verdict, judge, refusals, table
from fashion_model.kept_features import CHOSEN_WITH, MEASURED, KeptFeatures
from fashion_model.retraining.reviewed import STRANGER, ReviewedPictures
from scoring.inference.bundle import Bundle, load_bundle
from scoring.settings import RetrainSettings
from tests.conftest import BUNDLE

# Of two that are the same a busy machine may take the time as it likes.
SETTINGS = RetrainSettings(slower=20)
WIDTH, CLASSES, COUNT, REVIEWED = 112, 10, 600, 60
HELD_OUT = "0" * 64


def bundle() -> Bundle:
    """Return a bundle whose head reads the class off the features."""
    shipped = load_bundle(BUNDLE)
    kernel = np.eye(WIDTH, CLASSES, dtype=np.float32) * 12
    head = structs.replace(shipped.head, kernel=kernel, bias=np.zeros(CLASSES, np.float32))
    signature = shipped.signature.renewed(
        temperature=1.0, thresholds={"confidence": 0.5, "outlier_score": 1e9}
    )
    return structs.replace(shipped, head=head, signature=signature)


def features(labels: np.ndarray) -> np.ndarray:
    rows = np.zeros((len(labels), WIDTH), np.float32)
    rows[np.arange(len(labels)), labels] = 1.0
    return rows


def kept(wrong: int = 0, count: int = COUNT) -> KeptFeatures:
    """Return held-out pictures of which the bundle names so many wrong, of all classes alike."""
    labels = np.arange(count) % CLASSES
    shown = np.where(np.arange(count) < wrong, (labels + 1) % CLASSES, labels)
    parts = np.where(np.arange(count) % 2, MEASURED, CHOSEN_WITH).astype(np.uint8)
    return KeptFeatures(
        features(shown), labels, np.full(count, -1), parts, np.zeros((count, 3), np.float32),
        HELD_OUT,
    )  # fmt: skip


def pictures(strangers: int = 0) -> ReviewedPictures:
    labels = np.arange(REVIEWED) % CLASSES
    labels[:strangers] = STRANGER
    return ReviewedPictures(
        hashes=tuple(map(str, range(REVIEWED))),
        labels=labels,
        weights=np.ones(REVIEWED),
        groups=np.arange(REVIEWED),
        held_out=np.ones(REVIEWED, np.bool_),
        left_out={},
    )


def reviewed_features(wrong: int = 0) -> np.ndarray:
    labels = np.arange(REVIEWED) % CLASSES
    return features(np.where(np.arange(REVIEWED) < wrong, (labels + 1) % CLASSES, labels))


@pytest.fixture
def court() -> Callable[..., Verdict]:
    """Return a call that judges; by default a candidate that is the same as what serves."""
    old = Side(bundle(), kept(), reviewed_features())

    def call(
        new: Side = old,
        old: Side = old,
        reviewed: ReviewedPictures | None = None,
        settings: RetrainSettings = SETTINGS,
    ) -> Verdict:
        return judge(settings, old, new, pictures() if reviewed is None else reviewed)

    return call


def failed(verdict: Verdict) -> set[str]:
    assert verdict.passed == (not refusals(verdict))
    return {check.name for check in verdict.checks if not check.passed}


def test_the_same_model_passes_every_condition(court: Callable[..., Verdict]) -> None:
    verdict = court()
    assert [check.name for check in verdict.checks] == list(CHECKS)
    assert failed(verdict) == set()
    assert verdict.to_json()["passed"] is True
    assert len(list(table(verdict))) == 1 + len(CHECKS)


def test_what_loses_more_than_the_bound_allows_is_refused(court: Callable[..., Verdict]) -> None:
    assert failed(court(Side(bundle(), kept(wrong=2), reviewed_features()))) == set()
    verdict = court(Side(bundle(), kept(wrong=12), reviewed_features()))
    assert failed(verdict) == {"accuracy on those"}
    assert "-2.00 points" in refusals(verdict)[0]


def test_a_class_that_falls_alone_is_refused(court: Callable[..., Verdict]) -> None:
    pictured = kept()
    shown = pictured.labels.copy()
    shown[:40:10] = 1  # four of the first class's sixty
    worse = replace(pictured, features=features(shown))
    verdict = court(Side(bundle(), worse, reviewed_features()))
    assert "each class of those" in failed(verdict)


@pytest.mark.parametrize(("gained", "lost", "passes"), [
    (0, 0, True), (0, 4, True), (0, 5, False), (9, 12, True), (9, 30, False), (30, 9, True),
])  # fmt: skip
def test_reviewed_pictures_are_not_worse(
    court: Callable[..., Verdict], gained: int, lost: int, passes: bool
) -> None:
    labels = np.arange(REVIEWED) % CLASSES
    places = np.arange(REVIEWED)
    old_shown = np.where(places < gained, (labels + 1) % CLASSES, labels)
    new_shown = np.where(places >= REVIEWED - lost, (labels + 1) % CLASSES, labels)
    old = Side(bundle(), kept(), features(old_shown))
    new = Side(bundle(), kept(), features(new_shown))
    assert failed(court(new, old)) == (set() if passes else {"reviewed, not learnt from"})


def test_pictures_that_were_learnt_from_do_not_count(court: Callable[..., Verdict]) -> None:
    learnt = pictures().without(map(str, range(REVIEWED - 19)))
    assert int(learnt.held_out.sum()) == 19
    assert failed(court(reviewed=learnt)) == {"reviewed, not learnt from"}


def test_a_stranger_that_is_not_flagged_any_more_is_refused(court: Callable[..., Verdict]) -> None:
    strange = np.zeros((REVIEWED, WIDTH), np.float32)  # all classes alike: low confidence
    old = Side(bundle(), kept(), strange)
    assert failed(court(old, old, pictures(REVIEWED // 2))) == set()
    verdict = court(Side(bundle(), kept(), reviewed_features()), old, pictures(REVIEWED // 2))
    assert failed(verdict) == {"strangers that are flagged"}


def test_other_held_out_pictures_are_refused(court: Callable[..., Verdict]) -> None:
    other = replace(kept(), held_out="1" * 64)
    verdict = court(Side(bundle(), other, reviewed_features()))
    assert failed(verdict) == {"held-out pictures"}
    fewer = court(Side(bundle(), kept(count=590), reviewed_features()))
    assert {"held-out pictures", "accuracy on those", "each class of those"} <= failed(fewer)


def test_too_few_pictures_are_refused(court: Callable[..., Verdict]) -> None:
    few = Side(bundle(), kept(count=390), reviewed_features())
    assert failed(court(few, few)) == {"held-out pictures"}
    none = Side(bundle(), kept(count=0), reviewed_features())
    assert {"held-out pictures", "accuracy on those", "calibration error"} <= failed(
        court(none, none)
    )


def test_confidence_that_is_off_is_refused(court: Callable[..., Verdict]) -> None:
    blind = structs.replace(bundle(), signature=bundle().signature.renewed(temperature=8.0))
    assert "calibration error" in failed(court(Side(blind, kept(), reviewed_features())))


def test_one_that_flags_all_is_refused(court: Callable[..., Verdict]) -> None:
    limits = {"confidence": 1.0, "outlier_score": -1e9}
    timid = structs.replace(bundle(), signature=bundle().signature.renewed(thresholds=limits))
    assert failed(court(Side(timid, kept(), reviewed_features()))) == {"flagged"}


def test_a_larger_one_is_refused(court: Callable[..., Verdict]) -> None:
    shipped = bundle()
    large = structs.replace(shipped, model=shipped.model + bytes(len(shipped.model) // 2))
    assert failed(court(Side(large, kept(), reviewed_features()))) == {"memory"}


def test_a_slower_one_is_refused(
    court: Callable[..., Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fashion_model.gate.seconds_of", lambda *_: [1.0, 20.1])
    assert failed(court()) == {"time for a picture"}


def test_what_cannot_be_measured_is_refused(
    court: Callable[..., Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> list[float]:
        raise RuntimeError("no clock")

    monkeypatch.setattr("fashion_model.gate.seconds_of", broken)
    verdict = court()
    assert failed(verdict) == {"time for a picture"}
    assert refusals(verdict) == [
        "time for a picture: not measured: no clock; wanted: to be measured"
    ]


def test_settings_move_the_bounds(court: Callable[..., Verdict]) -> None:
    worse = Side(bundle(), kept(wrong=12), reviewed_features())
    lenient = RetrainSettings(loss_at_400=5.0, loss_at_3000=5.0)
    assert failed(court(worse, settings=lenient)) == set()
    assert failed(court(settings=RetrainSettings(held_out_least=601))) == {"held-out pictures"}
