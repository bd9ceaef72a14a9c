"""The drawn batches, through the real preprocessing and the real model."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from client.image_folder import list_images
from image_batches import draw
from scoring.inference.bundle import load_bundle
from scoring.inference.predictor import Predictions, Predictor
from scoring.preprocessing.decode import DecodeLimits
from scoring.preprocessing.registry import find
from scoring.settings import CODE_ROOT

RIGHT_OF_100 = 80
LIMITS = DecodeLimits(max_pixels=10_000_000, max_bytes=10_000_000)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(load_bundle(CODE_ROOT / "fashion_model"))


def score(folder: Path, predictor: Predictor) -> tuple[list[str], Predictions]:
    signature = predictor.signature
    preprocess = find(signature.preprocessing.name, signature.preprocessing.version)
    names = list(list_images(folder))
    rows = [
        preprocess((folder / name).read_bytes(), signature.input.shape, LIMITS).values
        for name in names
    ]
    return names, predictor.predict(np.stack(rows))


def count_right(folder: Path, predictor: Predictor) -> int:
    with folder.with_name(f"{folder.name}.labels.csv").open(encoding="utf-8-sig") as file:
        truth = {row["Image"]: row["Label"] for row in csv.DictReader(file)}
    names, predictions = score(folder, predictor)
    assert len(names) == len(truth) == 100
    labels = predictor.signature.labels
    answers = (labels[index] for index in predictions.class_index)
    return sum(truth[name] == answer for name, answer in zip(names, answers, strict=True))


def test_the_committed_batch_is_mostly_named_right(predictor: Predictor) -> None:
    assert count_right(CODE_ROOT / "image_batches" / "G1", predictor) >= RIGHT_OF_100


@pytest.mark.parametrize("seed", [101])
def test_other_seeds_are_as_good(predictor: Predictor, seed: int, tmp_path: Path) -> None:
    folder = tmp_path / "drawn"
    draw.main(["--seed", str(seed), "--count", "100", "--out", str(folder)])
    assert count_right(folder, predictor) >= RIGHT_OF_100
