"""Tables as Excel, Windows and people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fashion_model.dataset.class_folders import mapped_folders
from fashion_model.dataset.description import DataError
from fashion_model.dataset.people import read_people
from fashion_model.dataset.tables import Table


@pytest.mark.parametrize(
    "content",
    [
        b"File,Label\na b.jpg,Mug\n",
        b"\xef\xbb\xbfFile;Label\r\na b.jpg;Mug\r\n",
        b"file\tlabel\r\na b.jpg\tMug",
        b"sep=;\r\nfile;label\r\na b.jpg;Mug\r\n",
        b"\xef\xbb\xbfsep=,\nfile,label\n\na b.jpg,Mug\n\n",
        "file;label\r\na b.jpg;Mug\r\n".encode("utf-16"),
        b'"file","label"\n"a b.jpg","Mug"\n',
    ],
)
def test_a_table_is_read_however_it_was_saved(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    table = Table(tmp_path / "t.csv")
    assert table.rows == [["a b.jpg", "Mug"]]
    assert table.rows[0][table.column("class", "label")] == "Mug"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "names no column label"),
        (b"file,label\na\n", "row 1 has 1 cells, not 2"),
        (b"file,label\n\xff,b\n", "cannot be read as a table in UTF-8"),
        (b"sep=ab\nfile,label\n", "delimiter"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=why):
        Table(tmp_path / "t.csv").column("label")


def test_a_mapping_and_people_may_be_saved_by_excel(tmp_path: Path) -> None:
    (tmp_path / "cups").mkdir()
    (tmp_path / "vase").mkdir()
    (tmp_path / "classes.csv").write_text("Folder;Label\ncups;Mug / cup\nvase;Vase\n", "utf-8-sig")
    (tmp_path / "people.csv").write_text("image;person\ncups/1.jpg;ann\n", "utf-16")
    assert mapped_folders(tmp_path / "classes.csv")["Mug / cup"] == tmp_path / "cups"
    owners = read_people(tmp_path, [tmp_path / "cups" / "1.jpg"])
    assert owners is not None
    assert owners.tolist() == [0]
