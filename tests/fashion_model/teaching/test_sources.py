"""Which picture is of which class, however that is said."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from fashion_model.teaching.sources import CannotTeach, find_labelled_files
from tests.fashion_model.teaching.shop import write_things


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"no picture yet")
    return path


def seen(source: Path) -> list[tuple[str, str, str]]:
    return sorted((f.path.name, f.label, f.group) for f in find_labelled_files(source).files)


def test_class_folders_may_be_nested(tmp_path: Path) -> None:
    picture(tmp_path / "mug" / "2024" / "a.jpg")
    picture(tmp_path / "vase" / "b.png")
    assert seen(tmp_path) == [("a.jpg", "mug", ""), ("b.png", "vase", "")]


def test_what_is_no_picture_of_a_class_is_told(tmp_path: Path) -> None:
    for name in ("mug/a.jpg", "mug/notes.txt", "vase/b.jpg", "loose.jpg", ".cache/c.jpg"):
        picture(tmp_path / name)
    found = find_labelled_files(tmp_path)
    assert found.labels == ("mug", "vase")
    assert "mug: left out 1 .txt" in found.notes
    assert "1 pictures beside the class folders have no class" in found.notes


@pytest.mark.parametrize("header", ["Folder,Label", "folder,label"])
def test_a_mapping_file_gives_labels_that_no_folder_can_have(tmp_path: Path, header: str) -> None:
    for folder in ("a", "b", "vase"):
        picture(tmp_path / folder / "1.jpg")
    mapping = f'{header}\na,T-shirt/Top\nb,"Grüße, 10 % <b>"\n'
    (tmp_path / "classes.csv").write_text(mapping, encoding="utf-8")
    assert find_labelled_files(tmp_path).labels == ("Grüße, 10 % <b>", "T-shirt/Top", "vase")


def test_letters_made_up_in_two_ways_are_one_label(tmp_path: Path) -> None:
    picture(tmp_path / "Ma\u0308ntel" / "1.jpg")
    picture(tmp_path / "hat" / "1.jpg")
    assert find_labelled_files(tmp_path).labels == ("M\u00e4ntel", "hat")


def test_people_say_whose_a_picture_is(tmp_path: Path) -> None:
    for name in ("mug/a.jpg", "vase/b.jpg"):
        picture(tmp_path / name)
    (tmp_path / "people.csv").write_text("image,person\nmug/a.jpg,7\nmug/gone.jpg,8\n")
    assert seen(tmp_path) == [("a.jpg", "mug", "7"), ("b.jpg", "vase", "")]
    assert find_labelled_files(tmp_path).notes == [
        "people.csv: 1 of its 2 lines name no picture here, like mug/gone.jpg"
    ]


def test_people_of_a_folder_spelt_another_way_are_found(tmp_path: Path) -> None:
    for name in ("Hu\u0308te/a.jpg", "vase/b.jpg"):
        picture(tmp_path / name)
    table = "image,person\nH\u00fcte\\a.jpg,7\n"
    (tmp_path / "people.csv").write_text(table, encoding="utf-8")
    found = find_labelled_files(tmp_path)
    assert [file.group for file in found.files] == ["7", ""]
    assert found.notes == []


def test_a_picture_of_two_people_is_refused(tmp_path: Path) -> None:
    for name in ("mug/a.jpg", "vase/b.jpg"):
        picture(tmp_path / name)
    (tmp_path / "people.csv").write_text("image,person\nmug/a.jpg,ann\nmug/a.jpg,bob\n")
    with pytest.raises(CannotTeach, match=r"people.csv: mug/a.jpg is of 'ann' and of 'bob'"):
        find_labelled_files(tmp_path)


def test_a_class_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mug/a.jpg", "vase/b.jpg"):
        picture(tmp_path / name)
    scandir = os.scandir

    def locked(path: Any) -> Any:
        if Path(os.fsdecode(path)).name == "vase":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    with pytest.raises(CannotTeach, match=r"vase: its folder cannot be read: Permission denied"):
        find_labelled_files(tmp_path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_of_files_and_labels(tmp_path: Path, separator: str) -> None:
    rows = [("Label", "file", "group"), ("a/b", "x 1.jpg", "p"), ("c", "below/y.jpg", "")]
    table = tmp_path / "table.csv"
    text = "\r\n".join(separator.join(row) for row in rows) + "\r\n"
    table.write_text(text, encoding="utf-8-sig", newline="")
    assert seen(table) == [("x 1.jpg", "a/b", "p"), ("y.jpg", "c", "")]
    assert {file.path.parent for file in find_labelled_files(table).files} == {
        tmp_path,
        tmp_path / "below",
    }


def test_a_table_from_windows_names_the_same_files(tmp_path: Path) -> None:
    picture(tmp_path / "mug" / "1.jpg")
    (tmp_path / "people.csv").write_text("image,person\nmug/1.jpg,ann\n")
    table = tmp_path / "table.csv"
    table.write_text("file,label\nmug\\1.jpg,x\nb.jpg,y\n")
    assert seen(table) == [("1.jpg", "x", "ann"), ("b.jpg", "y", "")]


@pytest.mark.skipif(os.name == "nt", reason="there a backslash is never part of a name")
def test_a_backslash_may_be_part_of_a_name(tmp_path: Path) -> None:
    picture(tmp_path / "a\\b.jpg")
    table = tmp_path / "table.csv"
    table.write_text("file,label\na\\b.jpg,x\nb.jpg,y\n")
    assert seen(table)[0] == ("a\\b.jpg", "x", "")


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_folder_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "mug" / "1.jpg")
    try:
        picture(Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xffd")) / "1.jpg")
    except OSError:
        pytest.skip("the file system takes names in UTF-8 only")
    with pytest.raises(CannotTeach, match="is no text in UTF-8; rename the folder"):
        find_labelled_files(tmp_path)


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("file,label\na.jpg,x\na.jpg,y\n", "a.jpg is labelled 'x' and 'y'"),
        ("file,label\na.jpg\n", "row 1 has 1 cells, not 2"),
        ("picture,label\na.jpg,x\n", "no column file or image or path"),
        ("file,label\na.jpg,x\nb.jpg,x\n", "holds the class 'x' only"),
        ("file,label\n", "holds no class with pictures"),
        ("", "no column file"),
        ('file,label\na.jpg,"two\nlines"\nb.jpg,x\n', "has a control character or a line break"),
        ("file,label\na.jpg,\nb.jpg,x\n", "the class name '' should have at least 1 character"),
    ],
)
def test_a_table_that_says_nothing_clear_is_refused(tmp_path: Path, table: str, why: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(table)
    with pytest.raises(CannotTeach) as refused:
        find_labelled_files(path)
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("folders", "why"),
    [
        (["mug"], "holds the class 'mug' only"),
        ([], "holds no class with pictures"),
        (["mug", "x" * 101], "should have at most 100 characters"),
        (["mug", "Cannot  tell"], "'Cannot  tell' is what people say of a picture"),
        (["mug", "not a garment"], "'not a garment' is what people say of a picture"),
        (["mug", "Strange picture"], "'Strange picture' is what people say of a picture"),
    ],
)
def test_folders_that_are_no_classes_are_refused(
    tmp_path: Path, folders: list[str], why: str
) -> None:
    for name in folders:
        picture(tmp_path / name / "1.jpg")
    with pytest.raises(CannotTeach) as refused:
        find_labelled_files(tmp_path)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("mug\u200b", "mug\\u200b"),
        ("m\u00adug", "m\\xadug"),
        ("\u202emug", "\\u202emug"),
        ("\ufeffmug", "\\ufeffmug"),
    ],
)
def test_classes_that_look_the_same_are_refused(tmp_path: Path, other: str, told: str) -> None:
    for name in ("mug", other):
        picture(tmp_path / name / "1.jpg")
    with pytest.raises(CannotTeach, match="look the same: they differ in what is not seen") as no:
        find_labelled_files(tmp_path)
    assert "'mug'" in str(no.value)
    assert f"'{told}'" in str(no.value)


def test_names_that_differ_in_what_is_seen_are_classes(tmp_path: Path) -> None:
    # A joiner joins two of these pictures to one; "A" and "a" may be letters to be told apart.
    names = ("A", "a", "\U0001f469\u200d\U0001f52c", "\U0001f469\U0001f52c", "a b", "a-b")
    for name in names:
        picture(tmp_path / name / "1.jpg")
    assert find_labelled_files(tmp_path).labels == tuple(sorted(names))


def test_pictures_without_classes_are_told(tmp_path: Path) -> None:
    picture(tmp_path / "1.jpg")
    with pytest.raises(CannotTeach, match=r"no class with pictures; .*; 1 pictures beside"):
        find_labelled_files(tmp_path)


def test_two_folders_of_one_label_are_refused(tmp_path: Path) -> None:
    write_things(tmp_path / "a", "mug", 1)
    write_things(tmp_path / "mug", "mug", 1)
    (tmp_path / "classes.csv").write_text("Folder,Label\na,mug\n")
    with pytest.raises(CannotTeach, match="a, mug are all labelled 'mug'"):
        find_labelled_files(tmp_path)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotTeach, match="there is no such folder or table"):
        find_labelled_files(tmp_path / "nothing")


def test_a_folder_without_pictures_is_told(things: Path, tmp_path: Path) -> None:
    shop = Path(shutil.copytree(things, tmp_path / "shop"))
    (shop / "bowl").mkdir()
    found = find_labelled_files(shop)
    assert found.labels == ("mug", "plate", "vase")
    assert found.notes == ["bowl: has no pictures, and is no class for that"]
