"""What lies in a file's place is read where it is a file, and named where it is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scoring.protocol.whole_file import read_whole, what_stands_there


def test_a_file_is_read_also_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert read_whole(tmp_path / "file") == b"content"
    if os.name != "nt":
        (tmp_path / "link").symlink_to("file")
        assert read_whole(tmp_path / "link") == b"content"


def test_nothing_is_not_there(tmp_path: Path) -> None:
    assert what_stands_there(tmp_path / "nothing") == ""
    with pytest.raises(FileNotFoundError):
        read_whole(tmp_path / "nothing")


def test_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="it is a folder, and no file"):
        read_whole(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes in folders are POSIX's")
def test_a_pipe_or_a_device_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("pipe", "link"):
        with pytest.raises(OSError, match="it is a pipe or a device, and no file"):
            read_whole(tmp_path / name)


@pytest.mark.skipif(os.name == "nt", reason="the null device is in no folder there")
def test_the_null_device_hides_a_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(os.devnull)
    assert read_whole(tmp_path / "link") == b""
