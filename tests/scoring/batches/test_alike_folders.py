"""Names that look the same, and the folders that are called so."""

from __future__ import annotations

from pathlib import Path

import pytest

from scoring.batches.alike_folders import composed, folders_alike, is_alike

ONE, TWO = "\u00c4", "A\u0308"


def test_a_letter_with_its_mark_is_one_character() -> None:
    assert composed(TWO) == ONE
    assert is_alike(TWO, ONE)
    assert not is_alike(TWO, ONE.lower())
    assert is_alike(TWO, ONE.lower(), cased=False)


@pytest.mark.parametrize("name", ["", ".", "..", "../G", "B", "G/B", "a\0b"])
def test_what_is_no_folder_looks_like_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "G").mkdir()
    assert folders_alike(tmp_path, name) == []


def test_every_part_of_a_path_may_be_made_up_otherwise(tmp_path: Path) -> None:
    folder = tmp_path / TWO / "b" / ONE
    folder.mkdir(parents=True)
    (tmp_path / TWO / "B").write_bytes(b"a file")
    for name in (f"{ONE}/b/{TWO}", f"./{ONE}//b/{TWO}/", str(tmp_path / ONE / "b" / TWO)):
        assert folders_alike(tmp_path, name) == [folder]
    assert folders_alike(tmp_path, f"{ONE}/B/{TWO}") == []
    assert folders_alike(tmp_path, f"{ONE}/B/{TWO}", cased=False) == [folder]
