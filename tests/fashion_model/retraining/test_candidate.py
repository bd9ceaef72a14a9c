"""A candidate is a sealed bundle that knows the new kind and has not lost the old ones."""

import hashlib
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from fashion_model.dataset.description import DataError
from fashion_model.kept_features import MEASURED, read_features
from fashion_model.retrain import read_material
from fashion_model.retraining.candidate import Material, make_candidate
from fashion_model.retraining.serving import read_facts
from scoring.inference.bundle import SERVED_FILE, Bundle, load_bundle
from scoring.inference.predictor import Predictor
from scoring.protocol.promoted import retrained_folder
from scoring.protocol.reference import Reference
from scoring.records.ledger_reader import LedgerReader
from scoring.settings import Settings
from tests.fashion_model.retraining.conftest import BAG, striped

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def material(settings: Settings) -> Material:
    with closing(LedgerReader.from_settings(settings)) as ledger:
        return read_material(settings, ledger, "fashion")


def made(settings: Settings) -> Bundle:
    return make_candidate(material(settings), retrained_folder(settings), NOW)


def share_of_bags(bundle: Bundle) -> float:
    predictor = Predictor(bundle, threads=1)
    said = predictor.predict(striped(100, 77).reshape(100, -1)).class_index
    predictor.close()
    return float((said == BAG).mean())


def test_it_knows_the_new_kind_and_not_less_of_the_old(retrainable: Settings, model: Path) -> None:
    before, after = load_bundle(model), made(retrainable)
    assert share_of_bags(before) < 0.5
    assert share_of_bags(after) > share_of_bags(before) + 0.3
    held_out = read_features(model, before).of(MEASURED)
    for bundle in (before, after):
        logits = held_out.features @ bundle.head.kernel + bundle.head.bias
        assert (logits.argmax(axis=1) == held_out.labels).mean() > 0.9


def test_it_is_sealed_and_shares_the_network(retrainable: Settings, model: Path) -> None:
    after = made(retrainable)
    assert after.folder == retrained_folder(retrainable, after.signature.version)
    assert not (after.folder / SERVED_FILE).exists()
    assert after.model == load_bundle(model).model
    assert after.signature.files[SERVED_FILE] == hashlib.sha256(after.model).hexdigest()
    kept, before = (read_features(one.folder, one) for one in (after, load_bundle(model)))
    np.testing.assert_array_equal(kept.features, before.features)
    content = after.held_out
    assert content is not None
    assert len(Reference.from_bytes(content, 10)) == 240
    assert after.signature.figures["measured_images"] == 240


def test_it_says_what_it_has_learnt_from(retrainable: Settings, model: Path) -> None:
    pictures = material(retrainable).reviewed
    facts = read_facts(made(retrainable).folder)
    assert facts is not None
    assert facts.base == load_bundle(model).signature.version
    learnt = {pictures.hashes[place] for place in np.flatnonzero(~pictures.held_out)}
    assert set(facts.learnt) == learnt
    assert 0 < len(learnt) < len(pictures)


def test_the_same_reviews_make_the_same_version(retrainable: Settings) -> None:
    first, second = made(retrainable), made(retrainable)
    assert first.signature.version == second.signature.version
    home = retrained_folder(retrainable)
    assert sorted(one.name for one in home.iterdir()) == sorted(
        ["backbones", first.signature.version]
    )


def test_a_damaged_one_of_that_version_is_made_anew(retrainable: Settings) -> None:
    folder = made(retrainable).folder
    (folder / "head.npz").write_bytes(b"damaged")
    assert made(retrainable).folder == folder


def test_without_a_review_there_is_nothing_to_learn(retrainable: Settings) -> None:
    some = material(retrainable)
    none = replace(some, reviewed=replace(some.reviewed, held_out=some.reviewed.held_out | True))
    with pytest.raises(DataError, match="nobody has reviewed"):
        make_candidate(none, retrained_folder(retrainable), NOW)
    assert not retrained_folder(retrainable).exists()
