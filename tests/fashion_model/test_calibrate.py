"""A bundle calibrated anew keeps the figures that are still true, and no others."""

import dataclasses
import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from fashion_model import calibrate
from fashion_model.bundle_files import share_backbone
from fashion_model.calibrate import (
    calibrate_bundle,
    fit_temperature,
    held_out_figures,
    measured_fold,
    write_signature,
)
from fashion_model.commands import require_calibratable
from fashion_model.dataset.description import DataError
from fashion_model.dataset.people import Fold
from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.split import split_data
from scoring.inference.bundle import Bundle, load_bundle
from scoring.inference.predictor import Predictor
from scoring.protocol.errors import ExitCode
from scoring.protocol.reference import Reference
from tests.fashion_model.idx_files import write_idx

ROOT = Path(__file__).parents[2]
REFERENCE = {"accuracy_float": 0.5, "agreement": 0.25}


def images(seed: int) -> LabelledImages:
    """Return 400 pictures of noise, each label 40 times."""
    pixels = np.random.default_rng(seed).integers(0, 256, (400, 28, 28, 1), np.uint8)
    return LabelledImages(pixels, np.arange(400) % 10)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """Return the default bundle with figures measured on the first images."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    for name in ("signature.json", "model.tflite", "model.keras", "head.npz"):
        shutil.copy(ROOT / "fashion_model" / name, folder / name)
    bundle = load_bundle(folder)
    figures = {**held_out_figures(bundle, split_data(images(1)).measure), **REFERENCE}
    write_signature(folder, bundle.signature.renewed(figures=figures))
    return load_bundle(folder)


def test_the_same_images_keep_the_references_figures(bundle: Bundle) -> None:
    after = calibrate_bundle(bundle, split_data(images(1)))
    assert after.temperature != bundle.signature.temperature
    assert {name: after.figures[name] for name in REFERENCE} == REFERENCE
    assert after.figures.keys() == bundle.signature.figures.keys()
    assert load_bundle(bundle.folder).signature == after


def test_a_bundle_is_calibrated_on_a_network_that_it_shares(bundle: Bundle) -> None:
    folder = bundle.folder
    share_backbone(folder, bundle.model)
    for name in ("model.tflite", "model.keras"):
        (folder / name).unlink()
    after = calibrate_bundle(load_bundle(folder), split_data(images(1)))
    assert load_bundle(folder).signature == after
    written = ["head.npz", "reference.npz", "signature.json"]
    assert sorted(path.name for path in folder.iterdir()) == written


def test_what_it_says_of_each_image_is_in_its_reference(bundle: Bundle) -> None:
    split = split_data(images(1))
    after = calibrate_bundle(bundle, split)
    calibrated = load_bundle(bundle.folder)
    held_out = calibrated.held_out
    assert held_out
    reference = Reference.from_bytes(held_out, len(after.labels))
    predictor = Predictor(calibrated)
    seen = predictor.predict(split.fit.rows)
    predictor.close()
    assert reference.truth.tolist() == split.fit.labels.tolist()
    assert reference.predicted.tolist() == seen.class_index.tolist()
    assert reference.second.tolist() == seen.second_index.tolist()
    assert reference.flagged.tolist() == [reason is not None for reason in seen.review]
    np.testing.assert_allclose(reference.confidence, seen.confidence, rtol=1e-6)
    np.testing.assert_allclose(reference.second_confidence, seen.second_confidence, rtol=1e-6)
    np.testing.assert_allclose(reference.outlier_score, seen.outlier_score, rtol=1e-6)
    np.testing.assert_allclose(reference.brightness, split.fit.rows.mean(axis=1) / 255, rtol=1e-6)
    assert len(np.unique(reference.group)) == len(split.fit)


def test_other_images_drop_them_and_say_so(
    bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    after = calibrate_bundle(bundle, split_data(images(1).take(np.arange(300))))
    assert not REFERENCE.keys() & after.figures.keys()
    assert "dropped accuracy_float, agreement: measured on other images" in caplog.text


def test_a_handful_of_pictures_changes_no_bundle(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_idx(tmp_path, "train")
    before = {path.name: path.read_bytes() for path in bundle.folder.iterdir()}
    code = calibrate.main(["--bundle", str(bundle.folder), "--data", str(tmp_path)])
    assert code == ExitCode.USAGE
    said = capsys.readouterr().err
    assert said == (
        "error: only 2 pictures are held out to choose temperature and thresholds with, or to"
        " measure with; it takes 100\n"
    )
    assert {path.name: path.read_bytes() for path in bundle.folder.iterdir()} == before


@pytest.mark.parametrize(("pictures", "people", "enough"), [
    (99, None, False), (100, None, True), (99, 50, False), (100, 4, False), (100, 5, True),
])  # fmt: skip
def test_pictures_and_people_must_be_enough(
    pictures: int, people: int | None, enough: bool
) -> None:
    owners = np.arange(pictures) % people if people else None
    with nullcontext() if enough else pytest.raises(DataError, match="it takes"):
        require_calibratable(pictures, owners)


@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
def test_temperature_is_found_again(true: float) -> None:
    random = np.random.default_rng(0)
    honest = random.normal(size=(5_000, 4)) * 1.5
    noise = random.gumbel(size=honest.shape)
    labels = (honest + noise).argmax(axis=1)
    assert fit_temperature(honest * true, labels) == pytest.approx(true, rel=0.05)


def test_the_people_that_were_measured_are_noted(bundle: Bundle) -> None:
    people = np.arange(400) % 37
    split = split_data(dataclasses.replace(images(1), people=people), Fold(2, 5))
    assert measured_fold(bundle.signature) is None
    assert measured_fold(calibrate_bundle(bundle, split)) == Fold(2, 5)
