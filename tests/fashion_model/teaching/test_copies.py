"""Near-copies are found, and do not vouch for themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fashion_model.teaching.backbones import Backbone
from fashion_model.teaching.copies import (
    group_pictures,
    near_copies,
    once_each,
    refuse_copied_classes,
)
from fashion_model.teaching.photographs import Photographs, read_photographs
from fashion_model.teaching.sources import CannotTeach, LabelledFile, find_labelled_files
from tests.fashion_model.teaching.shop import THINGS, TINY, jpeg, photograph, write_things

Change = Callable[[Any], Any]
CHANGES: dict[str, Change] = {
    "saved again": lambda image: image,
    "mirrored": lambda image: image[:, ::-1],
    "smaller": lambda image: cv2.resize(image, (45, 60), interpolation=cv2.INTER_AREA),
    "lighter": lambda image: cv2.convertScaleAbs(image, alpha=1.1, beta=5),
}


def read(folder: Path, tmp_path: Path) -> Photographs:
    found = find_labelled_files(folder)
    return read_photographs(found.files, found.labels, Backbone(TINY), tmp_path / "cache")[0]


def owned(photographs: Photographs, owners: list[str]) -> Photographs:
    files = [
        LabelledFile(file.path, file.label, owner)
        for file, owner in zip(photographs.files, owners, strict=True)
    ]
    return Photographs(
        files,
        photographs.labels,
        photographs.digests,
        photographs.features,
        photographs.statistics,
        photographs.thumbnails,
    )


def test_different_photographs_are_no_copies(things: Path, tmp_path: Path) -> None:
    seen = read(things, tmp_path)
    pairs = near_copies(seen)
    assert len(pairs) == 0
    groups, notes = group_pictures(seen, pairs)
    assert len(np.unique(groups)) == 42
    assert notes == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found(change: str, tmp_path: Path) -> None:
    for thing in THINGS:
        write_things(tmp_path / "shop" / thing, thing, 4)
    original = photograph("vase", 2)
    copy = tmp_path / "shop" / "vase" / "copy.jpg"
    copy.write_bytes(jpeg(np.ascontiguousarray(CHANGES[change](original)), quality=70))
    seen = read(tmp_path / "shop", tmp_path)
    names = [(file.label, file.path.name) for file in seen.files]
    pairs = {frozenset((names[a], names[b])) for a, b in near_copies(seen)}
    assert frozenset({("vase", "2.jpg"), ("vase", "copy.jpg")}) in pairs


@pytest.mark.parametrize("quality", [92, 60])
def test_a_class_that_is_another_ones_copy_is_refused(quality: int, tmp_path: Path) -> None:
    for thing in THINGS:
        write_things(tmp_path / "shop" / thing, thing, 10)
    (tmp_path / "shop" / "cup").mkdir()
    for number in range(10):
        data = jpeg(photograph("mug", number), quality)
        (tmp_path / "shop" / "cup" / f"c{number}.jpg").write_bytes(data)
    seen = read(tmp_path / "shop", tmp_path)
    with pytest.raises(CannotTeach, match="class 'cup' is a copy: 10 of its 10 pictures lie in"):
        refuse_copied_classes(seen, near_copies(seen))


def test_some_copies_between_classes_are_no_copied_class(things: Path, tmp_path: Path) -> None:
    seen = read(things, tmp_path)
    refuse_copied_classes(seen, np.array([[0, 14], [1, 15]]))


def test_the_same_bytes_count_once_and_contradict(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    for thing in ("mug", "vase"):
        write_things(shop / thing, thing, 4)
    (shop / "mug" / "again.jpg").write_bytes((shop / "mug" / "1.jpg").read_bytes())
    (shop / "vase" / "wrong.jpg").write_bytes((shop / "mug" / "2.jpg").read_bytes())
    seen, notes = once_each(read(shop, tmp_path))
    assert [(f.label, f.path.name) for f in seen.files if f.label == "mug"] == [
        ("mug", "0.jpg"),
        ("mug", "1.jpg"),
        ("mug", "3.jpg"),
    ]
    assert sum(file.label == "vase" for file in seen.files) == 4
    assert notes == [
        "left out, for it lies in several classes: 2.jpg (mug) and wrong.jpg (vase)",
        "1 files are there twice, byte by byte, and count once",
    ]


def test_people_and_copies_make_groups(things: Path, tmp_path: Path) -> None:
    seen = owned(read(things, tmp_path), [str(number % 6) for number in range(42)])
    groups, notes = group_pictures(seen, np.array([[0, 1]]))
    assert notes == []
    owners = np.arange(42) % 6
    # 0 and 1 are copies of one another, and with them all of both people's pictures.
    assert len(np.unique(groups)) == 5
    for owner in range(6):
        assert len(np.unique(groups[owners == owner])) == 1


def test_a_class_by_one_person_is_measured_all_the_same_and_told(
    things: Path, tmp_path: Path
) -> None:
    owners = [""] * 14 + ["ann"] * 14 + [""] * 14
    seen = owned(read(things, tmp_path), owners)
    groups, notes = group_pictures(seen, np.empty((0, 2), np.int64))
    assert len(np.unique(groups)) == 42
    assert len(notes) == 1
    assert notes[0].startswith("plate: by fewer than 3 people")


def test_a_class_of_one_picture_many_times_is_refused(things: Path, tmp_path: Path) -> None:
    seen = read(things, tmp_path)
    chain = np.array([[place, place + 1] for place in range(13)])
    with pytest.raises(CannotTeach, match="class 'mug': all its pictures are near-copies"):
        group_pictures(seen, chain)
