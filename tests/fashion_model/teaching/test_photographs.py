"""Files become features, once for each content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fashion_model.teaching.backbones import Backbone
from fashion_model.teaching.photographs import Photographs, Unreadable, read_photographs, thumbnail
from fashion_model.teaching.sources import find_labelled_files
from tests.fashion_model.teaching.shop import TINY, jpeg, photograph


class CountingBackbone(Backbone):
    """The stand-in, and how often it was asked."""

    asked = 0

    def features(self, pixels: np.ndarray) -> np.ndarray:
        self.asked += 1
        return super().features(pixels)


def read(folder: Path, cache: Path) -> tuple[Photographs, list[Unreadable], int]:
    backbone = CountingBackbone(TINY)
    found = find_labelled_files(folder)
    seen, unreadable = read_photographs(found.files, found.labels, backbone, cache)
    return seen, unreadable, backbone.asked


def test_what_was_read_once_is_known_wherever_it_lies(things: Path, tmp_path: Path) -> None:
    first, unreadable, asked = read(things, tmp_path)
    assert (len(first), unreadable, asked) == (42, [], 42)
    moved = tmp_path / "moved"
    for number, path in enumerate(sorted(things.rglob("*.jpg"))):
        place = moved / path.parent.name / f"new-{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    again, _, asked = read(moved, tmp_path)
    assert asked == 0
    assert sorted(again.digests) == sorted(first.digests)
    order, other = np.argsort(first.digests), np.argsort(again.digests)
    assert np.array_equal(first.features[order], again.features[other])
    assert np.array_equal(first.statistics.contrast[order], again.statistics.contrast[other])


def test_what_is_kept_and_torn_is_read_anew(things: Path, tmp_path: Path) -> None:
    first, _, _ = read(things, tmp_path)
    kept = sorted(tmp_path.rglob("*.npy"))
    kept[0].write_bytes(kept[0].read_bytes()[:100])
    kept[1].write_bytes(b"")
    np.save(kept[2], np.zeros(3, np.float32))
    again, _, asked = read(things, tmp_path)
    assert asked == 3
    assert np.array_equal(first.features, again.features)


def test_features_are_those_of_the_served_pixels(things: Path, tmp_path: Path) -> None:
    seen, _, _ = read(things, tmp_path)
    assert seen.features.shape == (42, 40)
    assert seen.features.dtype == np.float32
    assert (seen.features.std(axis=0) > 0).any()
    assert seen.labels == ("mug", "plate", "vase")
    assert np.bincount(seen.classes).tolist() == [14, 14, 14]


def test_what_cannot_be_read_is_named_with_its_reason(things: Path, tmp_path: Path) -> None:
    for thing in ("mug", "vase"):
        (tmp_path / "shop" / thing).mkdir(parents=True)
    good = jpeg(photograph("mug", 1))
    (tmp_path / "shop" / "mug" / "good.jpg").write_bytes(good)
    (tmp_path / "shop" / "mug" / "cut.jpg").write_bytes(good[:400])
    (tmp_path / "shop" / "vase" / "empty.png").write_bytes(b"")
    seen, unreadable, _ = read(tmp_path / "shop", tmp_path / "cache")
    assert [file.path.name for file in seen.files] == ["good.jpg"]
    assert [one.file.path.name for one in unreadable] == ["cut.jpg", "empty.png"]
    assert all(one.why for one in unreadable)


@pytest.mark.parametrize("level", [0, 255])
def test_an_even_picture_is_like_even_ones_and_no_others(level: int) -> None:
    even = thumbnail(np.full((48, 48, 3), level, np.uint8))
    grain = np.random.default_rng(0).integers(120, 123, (48, 48, 3), np.uint8)
    assert even @ thumbnail(grain) == pytest.approx(1.0)
    assert even @ thumbnail(photograph("mug", 1)) == pytest.approx(0.0, abs=1e-5)
