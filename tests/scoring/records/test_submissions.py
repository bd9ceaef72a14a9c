"""Kept uploads: pictures like any other for who judges them, no run for anybody else."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from scoring.inference.bundle import load_bundle
from scoring.protocol.signature import Signature
from scoring.records import submissions
from scoring.records.labels import Labels, PictureKey
from scoring.records.ledger import Ledger
from scoring.records.rows import ScoredImage
from scoring.records.upload_names import is_upload
from scoring.settings import Settings
from tests.conftest import BUNDLE

NOW = datetime.fromisoformat("2026-11-25T09:00:00+01:00")
PATH, HASH = "abcdef01/coat.png", "abcdef01" * 8
PICTURE = PictureKey("uploads/fashion", PATH, HASH)


@pytest.fixture(scope="module")
def signature() -> Signature:
    return load_bundle(BUNDLE).signature


def image(label: str | None = "Coat", **more: object) -> ScoredImage:
    confidence = 0.7 if label else None
    return ScoredImage(1, PATH, HASH, label, confidence, **more)  # type: ignore[arg-type]


def predictions(ledger: Ledger) -> list[tuple[str, str, str | None]]:
    return ledger.database.query("SELECT batch, path, label FROM predictions ORDER BY id")


def test_they_are_pictures_that_can_be_reviewed(settings: Settings, signature: Signature) -> None:
    with Ledger.from_settings(settings) as ledger:
        submissions.keep(ledger, signature, [image(review="low confidence")], NOW)
        assert predictions(ledger) == [("uploads/fashion", PATH, "Coat")]
        review = Labels(ledger).add(
            PICTURE, "label", "Shirt", reviewer="Ann", source="desk", expected=None
        )
        assert (review.said.predicted, review.said.model_name) == ("Coat", "fashion")


def test_they_are_no_run(settings: Settings, signature: Signature) -> None:
    with Ledger.from_settings(settings) as ledger:
        submissions.keep(ledger, signature, [image()], NOW)
        submissions.keep(ledger, signature, [image("Shirt")], NOW + timedelta(hours=1))
        submissions.keep(ledger, signature, [image(None, error="x")], NOW + timedelta(days=1))
        assert ledger.runs(10) == []
        assert ledger.runs(1) == []
        assert ledger.running() == []
        assert list(ledger.batch_figures()) == []
        assert ledger.unwritten_batches() == frozenset()
        assert ledger.ends_to_tell() == []
        kept = ledger.database.query("SELECT count(*), min(finished_at) FROM runs")
        assert kept == [(2, "2026-11-25T09:00:00.000000+00:00")]
        # The same picture, looked at again: what was said last counts.
        assert predictions(ledger) == [("uploads/fashion", PATH, None)]


def test_they_are_pruned_with_the_runs(settings: Settings, signature: Signature) -> None:
    with Ledger.from_settings(settings) as ledger:
        submissions.keep(ledger, signature, [image()], NOW)
        submissions.keep(
            ledger, signature, [ScoredImage(1, "x", "2" * 64, "Coat", 0.5)], NOW + timedelta(days=9)
        )
        assert ledger.prune(NOW + timedelta(days=5), lambda batch, path: not is_upload(batch)) == 1
        assert predictions(ledger) == [("uploads/fashion", "x", "Coat")]


def test_two_pictures_of_a_name_are_two() -> None:
    assert submissions.path_of("a.png", "1" * 64) != submissions.path_of("a.png", "2" * 64)
