"""A file is read to its end, however it is handed out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scoring.records.regular_file import is_placeholder, open_regular, read_to_end

DATA = bytes(range(256)) * 1_000


@pytest.fixture
def handle(tmp_path: Path) -> int:
    path = tmp_path / "x"
    path.write_bytes(DATA)
    opened, status = open_regular(path)
    assert status.st_size == len(DATA)
    return opened


@pytest.mark.parametrize("said", [len(DATA), 0, 1, len(DATA) - 1, len(DATA) + 1, 10**9])
def test_the_size_that_a_file_system_says_is_not_believed(handle: int, said: int) -> None:
    assert read_to_end(handle, said, 10**9) == DATA
    os.close(handle)


@pytest.mark.parametrize("piece", [1_000, 65_536])
def test_a_short_read_is_not_the_end(
    handle: int, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Callable[[int, int], bytes] = os.read
    monkeypatch.setattr(os, "read", lambda file, count: read(file, min(count, piece)))
    beats: list[None] = []
    assert read_to_end(handle, len(DATA), 10**9, lambda: beats.append(None)) == DATA
    assert len(beats) >= len(DATA) // piece
    os.close(handle)


@pytest.mark.parametrize("said", [len(DATA), 0])
def test_a_file_that_grows_is_read_up_to_the_limit(handle: int, said: int) -> None:
    assert read_to_end(handle, said, 1_000) == DATA[:1_001]
    os.close(handle)


@pytest.mark.parametrize("attribute", [0x1000, 0x40000, 0x400000])
def test_what_lies_in_a_cloud_is_told_by_its_attributes(attribute: int) -> None:
    class Status:
        st_file_attributes = attribute | 0x20

    assert is_placeholder(Status())  # type: ignore[arg-type]  # what Windows says of such a file
    Status.st_file_attributes = 0x20
    assert not is_placeholder(Status())  # type: ignore[arg-type]


@pytest.mark.skipif(sys.platform == "win32", reason="opening follows links on Windows")
def test_a_link_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    (tmp_path / "link").symlink_to("x")
    with pytest.raises(OSError, match="it is a link"):
        open_regular(tmp_path / "link")
