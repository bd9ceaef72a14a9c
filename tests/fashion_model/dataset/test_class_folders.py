"""Folders of classes: by their names, by what of a name a folder can have, by a table."""

from pathlib import Path

import pytest

from fashion_model.dataset.class_folders import find_class_folders
from fashion_model.dataset.description import FASHION, DataError

KINDS = ("T-shirt/Top", "Ankle boot")


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True)
    return folder


def found(folder: Path, labels: tuple[str, ...] = KINDS) -> dict[str, str]:
    return {
        label: path.relative_to(folder).as_posix()
        for label, path in find_class_folders(folder, labels).items()
    }


@pytest.mark.parametrize(
    "name",
    ["T-shirt_Top", "T-shirt Top", "T-shirt-Top", "t_shirt_top", "T-shirt/Top", "T-shirt:Top"],
)
def test_a_label_that_no_folder_can_have(tmp_path: Path, name: str) -> None:
    make(tmp_path, name, "Ankle boot")
    assert found(tmp_path) == {"T-shirt/Top": name, "Ankle boot": "Ankle boot"}


def test_every_label_of_the_default_model_can_be_a_folder(tmp_path: Path) -> None:
    make(tmp_path, *(label.replace("/", "_") for label in FASHION.labels))
    assert tuple(find_class_folders(tmp_path, FASHION.labels)) == FASHION.labels


def test_a_table_says_it(tmp_path: Path) -> None:
    make(tmp_path, "a", "b")
    (tmp_path / "classes.csv").write_text("Folder,Label\r\na,T-shirt/Top\r\nb,Ankle boot\r\n\r\n",
                                          encoding="utf-8-sig")  # fmt: skip
    assert found(tmp_path) == {"T-shirt/Top": "a", "Ankle boot": "b"}
    assert found(tmp_path, ()) == {"Ankle boot": "b", "T-shirt/Top": "a"}


def test_without_labels_the_names_are_the_classes(tmp_path: Path) -> None:
    make(tmp_path, "dogs", "cats", ".git", "__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN")
    assert list(found(tmp_path, ())) == ["cats", "dogs"]


@pytest.mark.parametrize(
    "names",
    [
        ("Ankle boot",),
        ("Ankle boot", "T-shirt_Top", "Hat"),
        ("Ankle boot", "T-shirt_Top", "T-shirt-Top"),
        ("Ankle boot", "ankle_boot", "T-shirt_Top"),
        ("Ankle boot", "Top"),
    ],
)
def test_a_class_without_a_folder_or_a_folder_without_a_class(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    with pytest.raises(DataError, match=r"its folders are .* need a classes\.csv"):
        found(make(tmp_path, *names))


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "names no column folder"),
        ("a,b\n", "names no column folder"),
        ("Folder,Label\na\n", "row 1 has 1 cells, not 2"),
        ("Folder,Label\n../a,T-shirt/Top\n", "there is no folder '../a'"),
        ("Folder,Label\na,T-shirt/Top\na,Ankle boot\n", "stands in it twice"),
        ("Folder,Label\na,Hat\nb,Hat\n", "stands in it twice"),
        ("Folder,Label\na,Hat\nb,Ankle boot\n", "its folders are"),
        ("Folder,Label\na,T-shirt/Top\n", "its folders are"),
    ],
)
def test_a_wrong_table(tmp_path: Path, table: str, told: str) -> None:
    make(tmp_path, "a", "b")
    (tmp_path / "classes.csv").write_text(table, encoding="utf-8")
    with pytest.raises(DataError, match=told):
        found(tmp_path)
