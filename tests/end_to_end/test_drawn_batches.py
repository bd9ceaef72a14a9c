"""The drawn batches, through the real preprocessing and the real model."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from fashion_model.drawn import draw
from scoring.batches.image_folder import list_images
from scoring.inference.bundle import load_bundle
from scoring.inference.predictor import Predictor
from scoring.preprocessing.decode import DecodeLimits
from scoring.preprocessing.registry import find
from scoring.settings import CODE_ROOT, BatchesSettings

RIGHT_OF_100 = 85
WRONG_AND_NOT_FLAGGED = 2
LIMITS = DecodeLimits(max_pixels=10_000_000, max_bytes=10_000_000)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(load_bundle(CODE_ROOT / "fashion_model"))


def judge(folder: Path, predictor: Predictor) -> tuple[int, int]:
    """Return how many of a batch's hundred are right, and how many wrong ones are not flagged."""
    signature = predictor.signature
    preprocess = find(signature.preprocessing.name, signature.preprocessing.version)
    names = list(list_images(folder, BatchesSettings()))
    with folder.with_name(f"{folder.name}.labels.csv").open(encoding="utf-8-sig") as file:
        truth = {row["Image"]: row["Label"] for row in csv.DictReader(file)}
    assert len(names) == len(truth) == 100
    seen = [
        preprocess((folder / name).read_bytes(), signature.input.shape, LIMITS) for name in names
    ]
    answers = predictor.predict(np.stack([pixels.values for pixels in seen]))
    right = [
        truth[name] == signature.labels[index]
        for name, index in zip(names, answers.class_index, strict=True)
    ]
    flagged = [a.review or b for a, b in zip(seen, answers.review, strict=True)]
    missed = sum(not (good or flag) for good, flag in zip(right, flagged, strict=True))
    return sum(right), missed


def test_the_committed_batch_is_mostly_named_right(predictor: Predictor) -> None:
    right, missed = judge(CODE_ROOT / "image_batches" / "G1", predictor)
    assert right >= RIGHT_OF_100
    assert missed <= WRONG_AND_NOT_FLAGGED


@pytest.mark.parametrize(
    "seed", [2, *(pytest.param(seed, marks=pytest.mark.long) for seed in (3, 4))]
)
def test_other_seeds_are_as_good(predictor: Predictor, seed: int, tmp_path: Path) -> None:
    folder = tmp_path / "drawn"
    draw.main(["--seed", str(seed), "--count", "100", "--out", str(folder)])
    right, missed = judge(folder, predictor)
    assert right >= RIGHT_OF_100
    assert missed <= WRONG_AND_NOT_FLAGGED
