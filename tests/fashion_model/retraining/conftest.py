"""A project whose model meets a new kind of picture, which people correct."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fashion_model.calibrate import write_signature
from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.split import Split
from fashion_model.kept_features import features_of_split, write_features
from fashion_model.proof.lived_nights import judge_at_desk, score_night
from scoring.inference.bundle import FEATURES_FILE, Bundle, load_bundle
from scoring.inference.predictor import Predictor
from scoring.settings import Settings, load_settings
from tests.conftest import BUNDLE, garment_pixels

BAG = 8
STARTED = datetime(2026, 11, 1, 18, 5, tzinfo=UTC)


def striped(count: int, seed: int) -> NDArray[np.uint8]:
    """Return pictures uint8 [N, 28, 28, 1] of a kind that no garment is like."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 60, (count, 28, 28, 1), np.uint8)
    for image in images:
        image[:, int(random.integers(0, 4)) :: 4] += np.uint8(random.integers(120, 190))
    return images


def as_the_model_sees(bundle: Bundle, images: NDArray[np.uint8]) -> LabelledImages:
    """Return pictures that the model has right by definition, nearly all of them."""
    predictor = Predictor(bundle, threads=1)
    said = predictor.predict(images.reshape(len(images), -1)).class_index
    predictor.close()
    # But for two of each class, so that there is something to be told of each, of halves too.
    return LabelledImages(images, np.concatenate([np.repeat(np.arange(10), 2), said[20:]]))


def any_garments(count: int, seed: int) -> NDArray[np.uint8]:
    """Return pictures of which the model names several classes."""
    images = garment_pixels(count, seed).reshape(count, 28, 28, 1)
    random = np.random.default_rng(seed)
    for place, image in enumerate(images):
        image[:, : place % 13] = 0
        image[: int(random.integers(0, 14))] = 0
    return images


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the default bundle with features of drawn pictures beside it."""
    folder = tmp_path_factory.mktemp("model") / "fashion"
    folder.mkdir()
    for name in ("model.tflite", "head.npz", "signature.json"):
        shutil.copy(BUNDLE / name, folder / name)
    bundle = load_bundle(folder)
    train, fit, measure = (as_the_model_sees(bundle, any_garments(n, n)) for n in (200, 230, 240))
    digest = write_features(features_of_split(bundle, Split(train, fit, measure), 200), folder)
    files = {name: bundle.signature.files[name] for name in ("model.tflite", "head.npz")}
    signature = bundle.signature.renewed(files={**files, FEATURES_FILE: digest})
    write_signature(folder, signature)
    return folder


@pytest.fixture
def retrainable(project: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of a project whose desk has judged striped pictures to be bags."""
    monkeypatch.setenv("SCORING_SERVER__MODELS", json.dumps([str(model)]))
    # Drawn shapes show few of the classes, and of few pictures each one lost is much.
    monkeypatch.setenv("SCORING_RETRAIN__CLASS_LOSS", "100")
    monkeypatch.setenv("SCORING_RETRAIN__FLAGGED_MORE", "100")
    monkeypatch.setenv("SCORING_RETRAIN__CALIBRATION_LOSS", "100")
    # How long a picture takes is not what is asked here: this machine may be busy.
    monkeypatch.setenv("SCORING_RETRAIN__SLOWER", "20")
    settings = load_settings()
    for night in range(3):
        live_night(settings, load_bundle(model), night)
    return settings


def live_night(settings: Settings, bundle: Bundle, number: int) -> None:
    """Have a night scored and judged: 40 striped bags and 40 garments."""
    garments = as_the_model_sees(bundle, any_garments(40, 100 + number))
    images = np.concatenate([striped(40, number), garments.images])
    labels = np.concatenate([np.full(40, BAG), garments.labels])
    now = STARTED + timedelta(number)
    night = score_night(settings, bundle, LabelledImages(images, labels), now)
    judge_at_desk(settings, bundle, night, labels.tolist(), now + timedelta(hours=12))
