"""Features are made once for each content, and are what the network makes of it."""

from pathlib import Path

import numpy as np
import pytest

from fashion_model.retraining.features import features_by_content
from scoring.inference.bundle import load_bundle
from scoring.inference.predictor import Predictor
from tests.conftest import BUNDLE, garment_pixels

BUNDLE_THERE = load_bundle(BUNDLE)
PIXELS = garment_pixels(20)
HASHES = [f"{place:064x}" for place in range(20)]


def test_what_is_known_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    features = Predictor.features

    def counted(self: Predictor, pixels: np.ndarray) -> np.ndarray:
        asked.append(len(pixels))
        return features(self, pixels)

    monkeypatch.setattr(Predictor, "features", counted)
    first = features_by_content(BUNDLE_THERE, HASHES[:15], PIXELS[:15], tmp_path)
    second = features_by_content(BUNDLE_THERE, HASHES, PIXELS, tmp_path)
    third = features_by_content(BUNDLE_THERE, HASHES[::-1], PIXELS[::-1], tmp_path)
    assert asked == [15, 5]
    np.testing.assert_array_equal(first, second[:15])
    np.testing.assert_array_equal(second, third[::-1])
    predictor = Predictor(BUNDLE_THERE, threads=1)
    np.testing.assert_array_equal(second, features(predictor, PIXELS))
    predictor.close()


@pytest.mark.parametrize("damage", [b"", b"PK torn"])
def test_a_torn_cache_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    first = features_by_content(BUNDLE_THERE, HASHES, PIXELS, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage)
    again = features_by_content(BUNDLE_THERE, HASHES, PIXELS, tmp_path)
    np.testing.assert_array_equal(first, again)


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    assert len(features_by_content(BUNDLE_THERE, HASHES, PIXELS, in_the_way / "cache")) == 20


def test_of_nothing_there_is_nothing(tmp_path: Path) -> None:
    assert features_by_content(BUNDLE_THERE, [], PIXELS[:0], tmp_path).shape == (0, 112)
