"""A month in small: the desk corrects, the model is retrained, and knows the new kind better."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.split import Split
from fashion_model.proof import month
from fashion_model.proof.lived_nights import judge_at_desk, score_night
from scoring.inference.bundle import load_bundle
from scoring.records.labels import Labels
from scoring.records.ledger import Ledger
from scoring.records.picture_store import PictureStore
from scoring.settings import Settings
from tests.conftest import BUNDLE
from tests.fashion_model.retraining.conftest import any_garments, as_the_model_sees

STARTED = datetime(2026, 11, 1, 18, 5, tzinfo=UTC)


def test_a_night_keeps_what_waits_and_the_desk_says_what_it_is(settings: Settings) -> None:
    bundle = load_bundle(BUNDLE)
    images = LabelledImages(any_garments(100, 1), np.full(100, 8))
    night = score_night(settings, bundle, images, STARTED)
    truth = images.labels.copy()
    truth[night.judged[0]] = -1
    judge_at_desk(settings, bundle, night, truth.tolist(), STARTED)
    with Ledger.from_settings(settings) as ledger:
        said = [review.label for review in Labels(ledger).all_current()]
        run = ledger.run(night.run_id)
    assert said == [None] + ["Bag"] * (len(night.judged) - 1)
    assert run is not None
    assert (run.state, run.model_version) == ("done", bundle.signature.version)
    with PictureStore.from_settings(settings) as store:
        kept = [store.has(key.content_hash) for key in night.keys]
    assert np.flatnonzero(kept).tolist() == night.judged.tolist()


@pytest.mark.slow
def test_the_new_kind_is_known_better_in_the_next_week(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of few drawn pictures each one lost is much, and this machine may be busy.
    lenient = {
        "CLASS_LOSS": 100,
        "CALIBRATION_LOSS": 100,
        "FLAGGED_MORE": 100,
        "LOSS_AT_400": 4,
        "LOSS_AT_3000": 4,
        "SLOWER": 20,
    }
    for name, value in lenient.items():
        monkeypatch.setenv(f"SCORING_RETRAIN__{name}", str(value))
    monkeypatch.setattr(month, "NIGHTS", 8)
    monkeypatch.setattr(month, "WEEK", 3)
    monkeypatch.setattr(month, "NEW_FROM", 2)
    bundle = load_bundle(BUNDLE)
    train, fit, measure = (as_the_model_sees(bundle, any_garments(n, n)) for n in (100, 900, 901))
    told = month.live_month(bundle, Split(train, fit, measure), "pale")
    before, after = told.audited
    assert told.verdict.passed
    assert after > before + 0.15
    assert told.held_out[1] > told.held_out[0] - 0.04
    assert told.verdict.figures()["reviewed"] > 20
    assert 300 < told.reviewed <= 8 * 82
