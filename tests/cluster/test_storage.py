"""A folder of partitions: whole files or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.storage import FolderStorage, is_url, shown, storage_at


def test_a_folder_that_is_not_there_yet_is_empty_and_is_made(tmp_path: Path) -> None:
    out = storage_at(str(tmp_path / "new" / "out"))
    assert isinstance(out, FolderStorage)
    assert out.names() == set()
    out.write("a", b"1")
    out.write("a", b"2")
    assert out.names() == {"a"}
    assert out.read("a") == b"2"
    out.remove("a")
    out.remove("a")
    assert out.names() == set()


def test_what_a_killed_writer_left_goes_with_the_file(tmp_path: Path) -> None:
    (tmp_path / ".a.0123abcd.part").write_bytes(b"half")
    out = FolderStorage(tmp_path)
    out.write("a", b"1")
    out.remove("a")
    assert out.names() == set()


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("s3://bucket/images", "s3://bucket/images"),
        ("s3://key:secret@bucket/images?token=1", "s3://bucket/images"),
    ],
)
def test_a_url_is_shown_without_what_opens_it(place: str, told: str) -> None:
    assert is_url(place)
    assert shown(place) == told


@pytest.mark.parametrize("place", ["G1", "/images", r"C:\images", r"\\share\images"])
def test_a_path_is_no_url(place: str) -> None:
    assert not is_url(place)
    assert shown(place) == place
