"""The proof runs on what there is, and its verdicts follow from what it was given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from fashion_model import prove
from fashion_model.dataset.readers import LabelledImages
from fashion_model.proof import accuracy
from fashion_model.proof.nights import (
    IMBALANCE,
    STRANGERS,
    Outputs,
    outputs_of,
    shifts,
    some_turned,
)
from fashion_model.shifts import PIXELS
from scoring.inference.bundle import load_bundle
from scoring.inference.predictor import Predictor
from scoring.monitoring.night import Night
from scoring.protocol.errors import ExitCode
from tests.conftest import BUNDLE
from tests.scoring.monitoring.watched_nights import SIGNATURE, held_out

ABOVE = SIGNATURE.thresholds.outlier_score


def held_out_outputs() -> Outputs:
    """Return what the bundle said of its own held-out images."""
    reference = held_out()
    codes = {name: getattr(reference, name).astype(np.int64) for name in ("predicted", "second")}
    others = set(Night.__struct_fields__) - codes.keys()
    numbers = {name: getattr(reference, name).astype(np.float64) for name in others}
    return Outputs(Night(**codes, **numbers), reference.right)


def test_clean_nights_are_valid_and_others_are_not() -> None:
    judge = accuracy.Judge(held_out(), 10, ABOVE)
    clean = held_out_outputs()
    found = judge.judge_many(clean, 50, 500)
    # Chance takes some 5 in 1,000 nights of that size for others (docs/monitoring.md).
    assert sum(one.valid for one in found) >= 49
    assert np.mean([one.holds for one in found]) > 0.9
    assert abs(np.mean([one.error for one in found])) < 0.01
    unsure = Outputs(
        replace(clean.night, confidence=0.5 * clean.night.confidence),
        np.zeros(len(clean), np.bool_),
    )
    assert not any(one.valid for one in judge.judge_many(unsure, 5, 500))


def test_every_shift_is_tried_on_the_model_itself() -> None:
    random = np.random.default_rng(0)
    data = LabelledImages(random.integers(0, 256, (20, 28, 28, 1), np.uint8), np.arange(20) % 10)
    bundle = load_bundle(BUNDLE)
    found = list(shifts(bundle, data, data))
    kinds = {one.kind for one in found}
    assert kinds == {*PIXELS, IMBALANCE, STRANGERS}
    assert len(found) == 3 * len(kinds)
    assert all(len(one.outputs) == 20 for one in found)
    predictor = Predictor(bundle)
    same = outputs_of(predictor, data)
    predictor.close()
    assert same.right.tolist() == (same.night.predicted == data.labels).tolist()
    mixed = [one.outputs.right.sum() for one in found if one.kind == STRANGERS]
    assert all(right <= same.right.sum() for right in mixed)


def test_some_images_lie_upside_down_and_the_others_are_as_they_were() -> None:
    random = np.random.default_rng(1)
    data = LabelledImages(random.integers(0, 256, (60, 28, 28, 1), np.uint8), np.arange(60) % 10)
    bundle = load_bundle(BUNDLE)
    predictor = Predictor(bundle)
    clean = outputs_of(predictor, data).night.outlier_score
    turned = outputs_of(predictor, LabelledImages(data.images[:, ::-1, ::-1], data.labels))
    predictor.close()
    found = [one.outputs.night.outlier_score for one in some_turned(bundle, data)]
    changed = [np.flatnonzero(scores != clean) for scores in found]
    assert 0 < len(changed[0]) < len(changed[1]) < len(changed[2]) < 30
    for rows, scores in zip(changed, found, strict=True):
        assert np.array_equal(scores[rows], turned.night.outlier_score[rows])


def test_without_data_it_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prove.main(["accuracy", "--data", str(tmp_path)]) == ExitCode.USAGE
    assert str(tmp_path) in capsys.readouterr().err
