"""Where results may go, whichever program they are of."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scoring.protocol.errors import UsageError
from scoring.records.results_place import HEADER_START, results_place

FLAG = "--out"


@pytest.mark.parametrize("content", [None, b"", HEADER_START, HEADER_START + b";Batch\r\n"])
def test_results_go_where_nothing_or_a_results_file_lies(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "mine.csv"
    if content is not None:
        path.write_bytes(content)
    assert results_place(FLAG, path) == path


def test_a_folder_that_is_not_there_yet_is_made_later(tmp_path: Path) -> None:
    assert results_place(FLAG, tmp_path / "new" / "mine.csv") == tmp_path / "new" / "mine.csv"


@pytest.mark.parametrize(
    "content", [b"N", HEADER_START[:-1], HEADER_START[3:], b"\x89PNG\r\n\x1a\n", b"\0"]
)
def test_results_never_take_the_place_of_something_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="no results file; it is left as it is"):
        results_place(FLAG, path)


def test_a_folder_is_answered_with_a_name_in_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is a folder; name a file, like .*Results\.csv"):
        results_place(FLAG, tmp_path)


def test_a_dash_is_no_file() -> None:
    """As other programs mean standard output by it."""
    with pytest.raises(UsageError, match="results go to a file; name one"):
        results_place(FLAG, Path("-"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes in folders are POSIX's")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="a pipe or a device"):
        results_place(FLAG, tmp_path / "pipe")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files have names on Linux")
def test_a_file_that_a_shell_opened_is_left_to_it(tmp_path: Path) -> None:
    """As ``--out /dev/stdout > mine.csv`` has it: what is printed goes to the same file."""
    with (tmp_path / "mine.csv").open("w") as file:
        (tmp_path / "link").symlink_to(f"/proc/self/fd/{file.fileno()}")
        for name in (f"/dev/fd/{file.fileno()}", f"/proc/self/fd/{file.fileno()}", "link"):
            with pytest.raises(UsageError, match="what another program opened; name a file"):
                results_place(FLAG, tmp_path / name)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="these are Linux's")
@pytest.mark.parametrize(
    "path", ["/proc/x.csv", "/proc/self/x.csv", "/sys/x.csv", "/sys/block/x.csv"]
)
def test_where_the_system_tells_of_itself_no_file_is_made(tmp_path: Path, path: str) -> None:
    """The first was told to be what another program opened."""
    (tmp_path / "link.csv").symlink_to(path)
    for place in (Path(path), tmp_path / "link.csv"):
        with pytest.raises(UsageError, match="what the system tells of itself"):
            results_place(FLAG, place)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux's")
@pytest.mark.parametrize("path", ["/dev/full", "/dev/null"])
def test_a_device_is_told_to_be_one(path: str) -> None:
    with pytest.raises(UsageError, match=f"--out {path} is a pipe or a device; name a file"):
        results_place(FLAG, Path(path))


def no_name(tmp_path: Path) -> Path:
    return tmp_path / ("a" * 300)


def below_a_file(tmp_path: Path) -> Path:
    (tmp_path / "file").touch()
    return tmp_path / "file" / "mine.csv"


def round_and_round(tmp_path: Path) -> Path:
    (tmp_path / "link").symlink_to("link")
    return tmp_path / "link"


@pytest.mark.skipif(os.name == "nt", reason="Windows has other words for these")
@pytest.mark.parametrize(
    ("place", "told"),
    [
        (no_name, "File name too long"),
        (below_a_file, "Not a directory"),
        (round_and_round, "Too many levels"),
    ],
)
def test_what_no_file_can_be_is_told_before_the_work(
    tmp_path: Path, place: Callable[[Path], Path], told: str
) -> None:
    with pytest.raises(UsageError, match=f"{told}.*; name another file"):
        results_place(FLAG, place(tmp_path))


def test_a_link_stands_for_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "mine.csv")
    assert results_place(FLAG, tmp_path / "link.csv") == tmp_path / "mine.csv"


def test_where_nothing_can_be_made_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("scoring.records.results_place.TemporaryFile", refused)
    with pytest.raises(UsageError, match=r"--out .*mine\.csv cannot be written: Permission denied"):
        results_place(FLAG, tmp_path / "new" / "mine.csv")


def test_nothing_is_left_beside_it(tmp_path: Path) -> None:
    results_place(FLAG, tmp_path / "mine.csv")
    assert list(tmp_path.iterdir()) == []
