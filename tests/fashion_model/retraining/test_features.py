"""Features are made once for each content, and are what the network makes of it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fashion_model.retraining.features import features_by_content
from scoring.inference.bundle import load_bundle
from scoring.inference.predictor import Predictor
from tests.conftest import BUNDLE, garment_pixels

BUNDLE_THERE = load_bundle(BUNDLE)
PIXELS: NDArray[np.uint8] = garment_pixels(20)
HASHES = [f"{place:064x}" for place in range(20)]


def pixels_of(content_hash: str) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = PIXELS[HASHES.index(content_hash)]
    return pixels


def test_what_is_known_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    features = Predictor.features

    def counted(self: Predictor, pixels: np.ndarray) -> np.ndarray:
        asked.append(len(pixels))
        return features(self, pixels)

    monkeypatch.setattr(Predictor, "features", counted)
    first = features_by_content(BUNDLE_THERE, HASHES[:15], pixels_of, tmp_path)
    second = features_by_content(BUNDLE_THERE, HASHES, pixels_of, tmp_path)
    third = features_by_content(BUNDLE_THERE, HASHES[::-1], pixels_of, tmp_path)
    assert asked == [15, 5]
    np.testing.assert_array_equal(first, second[:15])
    np.testing.assert_array_equal(second, third[::-1])
    predictor = Predictor(BUNDLE_THERE, threads=1)
    np.testing.assert_array_equal(second, features(predictor, PIXELS))
    predictor.close()


@pytest.mark.parametrize("damage", [b"", b"PK torn"])
def test_a_torn_cache_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    first = features_by_content(BUNDLE_THERE, HASHES, pixels_of, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage)
    again = features_by_content(BUNDLE_THERE, HASHES, pixels_of, tmp_path)
    np.testing.assert_array_equal(first, again)


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    assert len(features_by_content(BUNDLE_THERE, HASHES, pixels_of, in_the_way / "cache")) == 20


def test_few_pictures_are_in_memory_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fashion_model.retraining.features.AT_ONCE_BYTES", 784 * 3)
    some = features_by_content(BUNDLE_THERE, HASHES, pixels_of, tmp_path / "some")
    monkeypatch.undo()
    whole = features_by_content(BUNDLE_THERE, HASHES, pixels_of, tmp_path / "whole")
    np.testing.assert_array_equal(some, whole)


def test_of_nothing_there_is_nothing(tmp_path: Path) -> None:
    assert features_by_content(BUNDLE_THERE, [], pixels_of, tmp_path).shape == (0, 112)
