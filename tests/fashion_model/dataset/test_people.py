"""Whose pictures they are, and parts that no person is in two of."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from fashion_model.dataset.description import CLOTHING, DataError
from fashion_model.dataset.people import Fold, person_folds, read_people
from fashion_model.dataset.readers import LabelledImages, read_data
from fashion_model.dataset.split import split_data

CLASSES, PEOPLE = 3, 40


def wardrobe(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and owners of pictures; people have from one to thirty of them."""
    random = np.random.default_rng(seed)
    people = np.repeat(np.arange(PEOPLE), random.integers(1, 31, PEOPLE))
    return random.integers(0, CLASSES, len(people)), people


def test_a_person_is_in_one_fold_only() -> None:
    labels, people = wardrobe()
    folds = person_folds(labels, people, 5)
    assert set(folds) == set(range(5))
    for person in range(PEOPLE):
        assert len(set(folds[people == person])) == 1


def test_each_fold_has_every_class_in_about_its_share() -> None:
    labels, people = wardrobe()
    folds = person_folds(labels, people, 4)
    for number in range(4):
        shares = np.bincount(labels[folds == number], minlength=CLASSES) / (folds == number).sum()
        assert np.abs(shares - 1 / CLASSES).max() < 0.12


def test_the_folds_are_the_same_every_time() -> None:
    labels, people = wardrobe()
    assert np.array_equal(person_folds(labels, people, 5), person_folds(labels, people, 5))


def test_too_few_people_are_told() -> None:
    with pytest.raises(DataError, match="3 people do not make 5 folds"):
        person_folds(np.zeros(9, np.int64), np.arange(9) // 3, 5)


@pytest.mark.parametrize("number", range(1, 6))
def test_the_parts_of_a_split_share_nobody(number: int) -> None:
    labels, people = wardrobe()
    data = LabelledImages(np.zeros((len(labels), 1, 1, 1), np.uint8), labels, people)
    split = split_data(data, Fold(number, 5))
    parts = (split.train, split.fit, split.measure)
    owners = [set(part.people.tolist()) for part in parts if part.people is not None]
    assert sum(map(len, owners)) == len(set.union(*owners)) == PEOPLE
    assert sum(map(len, parts)) == len(data)


def test_every_picture_is_measured_once_over_the_folds() -> None:
    labels, people = wardrobe()
    numbered = np.arange(len(labels), dtype=np.uint16).view(np.uint8).reshape(-1, 1, 2, 1)
    data = LabelledImages(numbered, labels, people)
    parts = [split_data(data, Fold(number, 5)).measure for number in range(1, 6)]
    measured = np.concatenate([part.images.ravel().view(np.uint16) for part in parts])
    assert np.array_equal(np.sort(measured), np.arange(len(labels)))


def pictures(folder: Path, *names: str) -> list[Path]:
    """Write small pictures of these names."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", np.full((8, 6, 3), 90, np.uint8))[1].tobytes())
    return [folder / name for name in names]


def test_owners_are_read_beside_the_class_folders(tmp_path: Path) -> None:
    paths = pictures(tmp_path, "hat/a.png", "hat/b.png", "skirt/c.png")
    assert read_people(tmp_path, paths) is None
    table = "image,person\nhat/a.png,Ö. 7\nskirt/c.png,Ö. 7\nhat/b.png,-1\npolo/x.png,3\n"
    (tmp_path / "people.csv").write_text(table, encoding="utf-8-sig")
    people = read_people(tmp_path, paths)
    assert people is not None
    assert people.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("image,person\nhat/a.png,1\n", r"whose picture hat/b\.png is \(1 of 2"),
        ("image,person\nhat/a.png,1\nhat/b.png,\n", r"whose picture hat/b\.png is"),
        ("image,person\nhat/a.png\nhat/b.png,1\n", "row 1 has 1 cells, not 2"),
        ("picture,owner\nhat/a.png,1\n", "names no column image"),
        ("", "names no column image"),
        ("image,person\n", r"whose picture hat/a\.png is \(2 of 2"),
        ("image,person\n\xff", "cannot be read as a table"),
    ],
)
def test_a_table_that_does_not_say_it_is_refused(tmp_path: Path, table: str, says: str) -> None:
    paths = pictures(tmp_path, "hat/a.png", "hat/b.png")
    (tmp_path / "people.csv").write_bytes(table.encode("latin-1"))
    with pytest.raises(DataError, match=says):
        read_people(tmp_path, paths)


def test_only_the_classes_of_the_data_set_are_read(tmp_path: Path) -> None:
    names = [f"{label}/{number}.png" for label in CLOTHING.labels for number in range(2)]
    pictures(tmp_path, *names, "polo/0.png")
    rows = [f"{name},{name[-5]}" for name in names]
    (tmp_path / "people.csv").write_text("\n".join(["image,person", *rows]))
    data = read_data(tmp_path, CLOTHING, lambda _: np.zeros(CLOTHING.input.row_length, np.uint8))
    assert data.train is not None
    assert data.train.people is not None
    assert data.class_names == CLOTHING.labels
    assert data.train.labels.tolist() == [label for label in range(10) for _ in range(2)]
    assert data.train.people.tolist() == [0, 1] * 10
