"""The committed default bundle, on pictures this project drew itself (image_batches/G1)."""

import csv
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from fashion_model.dataset.description import KNOWN, DatasetDescription
from fashion_model.network_outputs import predict_logits
from fashion_model.strangers import made_strangers
from fashion_model.train import default_folder
from scoring.inference.bundle import Bundle, load_bundle
from scoring.inference.predictor import Predictor
from scoring.preprocessing.decode import DecodeLimits
from scoring.preprocessing.registry import find
from scoring.protocol.signature import FORMAT

ROOT = Path(__file__).parents[2]
# A data set can be known before its bundle is delivered.
DELIVERED = [known for known in KNOWN.values() if (ROOT / default_folder(known.name)).is_dir()]
BATCH = ROOT / "image_batches" / "G1"
LIMITS = DecodeLimits(max_pixels=10_000_000, max_bytes=10_000_000)
# Ready-drawn pictures are few; moved by a pixel they are many, and the two models must agree
# on those as well.
MOVES = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """Return the committed bundle."""
    return load_bundle(ROOT / "fashion_model")


@pytest.fixture(scope="module")
def predictor(bundle: Bundle) -> Iterator[Predictor]:
    """Serve the committed bundle."""
    served = Predictor(bundle, threads=2)
    yield served
    served.close()


@pytest.fixture(scope="module")
def drawn(bundle: Bundle) -> NDArray[np.uint8]:
    """Return the drawn pictures as the model takes them, uint8 [100, 784]."""
    wanted = bundle.signature.preprocessing
    preprocess = find(wanted.name, wanted.version)
    shape = bundle.signature.input.shape
    with (ROOT / "image_batches" / "G1.labels.csv").open(encoding="utf-8-sig") as file:
        names = [row["Image"] for row in csv.DictReader(file)]
    return np.stack(
        [preprocess((BATCH / name).read_bytes(), shape, LIMITS).values for name in names]
    )


def moved(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    images = rows.reshape(-1, 28, 28)
    copies = [np.roll(images, move, axis=(1, 2)) for move in MOVES]
    return np.concatenate(copies).reshape(-1, 784)


@pytest.mark.slow
def test_the_integer_model_agrees_with_its_reference(
    bundle: Bundle, predictor: Predictor, drawn: NDArray[np.uint8]
) -> None:
    rows = moved(drawn)
    reference = keras.models.load_model(bundle.folder / "model.keras")
    logits = predict_logits(reference, rows.reshape(-1, 28, 28, 1))
    seen = predictor.predict(rows)
    assert (logits.argmax(axis=1) == seen.class_index).mean() >= 0.99
    powers = np.exp((logits - logits.max(axis=1, keepdims=True)) / bundle.signature.temperature)
    confidence = (powers / powers.sum(axis=1, keepdims=True)).max(axis=1)
    assert np.abs(confidence - seen.confidence).mean() <= 0.02


def test_the_integer_model_is_as_right_as_its_reference(bundle: Bundle) -> None:
    figures = bundle.signature.figures
    assert figures["accuracy"] >= 0.95
    assert figures["accuracy"] >= figures["accuracy_float"] - 0.0015
    assert figures["agreement"] >= 0.995


def test_the_bundle_is_honest_about_its_confidence(bundle: Bundle) -> None:
    figures = bundle.signature.figures
    assert figures["calibration_error"] <= 0.01
    assert figures["unflagged_accuracy"] >= 0.99
    assert figures["unflagged_share"] >= 0.85


def test_confidences_are_fine_grained(predictor: Predictor, drawn: NDArray[np.uint8]) -> None:
    seen = predictor.predict(moved(drawn))
    assert np.unique(seen.confidence).size >= 0.9 * np.unique(moved(drawn), axis=0).shape[0]


def test_strangers_are_noticed(predictor: Predictor, drawn: NDArray[np.uint8]) -> None:
    word = predictor.signature.review.outlier
    for name, rows in made_strangers(drawn, (28, 28, 1)):
        review = predictor.predict(rows).review
        # A reason may stand beside others.
        assert sum(word in (reason or "") for reason in review) >= 0.95 * len(rows), name


@pytest.mark.parametrize("known", DELIVERED, ids=lambda known: known.name)
def test_the_signature_is_what_the_code_says(known: DatasetDescription) -> None:
    signature = load_bundle(ROOT / default_folder(known.name)).signature
    assert signature.format == FORMAT
    assert signature.name == known.name
    assert (signature.purpose, signature.note) == (known.purpose, known.note)
    assert signature.review == known.review
    assert signature.labels == (known.labels or ("cats", "dogs"))
    assert signature.input == known.input
    assert signature.preprocessing == known.preprocessing


def test_the_signature_says_what_made_it(bundle: Bundle) -> None:
    signature = bundle.signature
    assert signature.libraries.keys() >= {"tensorflow", "keras", "converter"}
    assert sum(signature.reference.class_shares) == pytest.approx(1.0)
    assert len(bundle.model) <= 1_000_000
