"""What a bundle says of held-out images, as its reference has it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from fashion_model.calibrate import write_signature
from fashion_model.held_out import reference_of, with_reference
from scoring.inference.bundle import load_bundle
from scoring.preprocessing.image_statistics import ImageStatistics
from scoring.protocol.reference import Reference
from scoring.protocol.signature import Thresholds
from tests.conftest import BUNDLE
from tests.scoring.protocol.test_reference import made_up

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.05, 0.9, 0.05], [0.4, 0.35, 0.25]])


def told(groups: list[int] | None) -> Reference:
    shares = np.array([0.1, 0.2, 0.3, 0.4])
    scores, limits = np.array([1.0, 2.0, 9.0, 4.0]), Thresholds(0.5, 8.0)
    return reference_of(
        np.array([0, 1, 1, 0]),
        PROBABILITIES,
        scores,
        ImageStatistics(shares, shares * 2, shares / 2),
        limits,
        None if groups is None else np.array(groups),
    )


def test_each_image_is_what_the_model_would_answer() -> None:
    reference = told([70, 70, 5, 9])
    assert reference.predicted.tolist() == [0, 2, 1, 0]
    assert reference.second.tolist()[:2] == [1, 1]
    assert reference.right.tolist() == [True, False, True, True]
    # One is strange, one unsure.
    assert reference.flagged.tolist() == [False, False, True, True]
    np.testing.assert_allclose(reference.confidence, [0.7, 0.6, 0.9, 0.4], rtol=1e-6)
    np.testing.assert_allclose(reference.contrast, [0.2, 0.4, 0.6, 0.8], rtol=1e-6)
    first, second, third, fourth = reference.group.tolist()
    assert first == second
    assert len({second, third, fourth}) == 3
    assert len(set(told(None).group.tolist())) == 4


def test_the_bundle_knows_the_file_by_its_hash(tmp_path: Path) -> None:
    for name in ("signature.json", "model.tflite", "head.npz"):
        shutil.copy(BUNDLE / name, tmp_path / name)
    before, reference = load_bundle(tmp_path).signature, made_up(12)
    signature = with_reference(tmp_path, before, reference)
    assert signature.version != before.version
    write_signature(tmp_path, signature)
    assert load_bundle(tmp_path).held_out == reference.to_bytes()
