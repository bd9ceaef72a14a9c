from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from client.command_line import HEADER_START, parse_arguments, results_path, settings_flags
from scoring.protocol.errors import ExitCode, UsageError
from scoring.settings import CODE_ROOT


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["G1", "--start-server", "--server", "http://127.0.0.1:5000"], "leave out --server"),
        (["G1", "--every-batch"], "name none"),
        (["G1", "--all"], "--all goes with --every-batch"),
        (["--nightly", "20th"], "invalid fromisoformat value"),
        (["G1", "--fresher"], "unrecognized arguments: --fresher"),
    ],
)
def test_a_wrong_command_line_is_told_and_costs_nothing(
    argv: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_arguments(argv)
    assert caught.value.code == ExitCode.USAGE
    assert told in capsys.readouterr().err


def test_the_scheduler_may_ask_for_all_of_a_night() -> None:
    arguments = parse_arguments(["--nightly", "2026-11-20", "--all"])
    assert (arguments.nightly, arguments.all) == (date(2026, 11, 20), True)


def test_every_flag_that_the_docs_name_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--help"])
    helped = capsys.readouterr().out
    pages = [CODE_ROOT / "README.md", *sorted((CODE_ROOT / "docs").glob("*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    commands = re.findall(r"client\.request ([^`#\n]*)", text)
    flags = {flag for said in commands for flag in re.findall(r"--[a-z-]+", said)}
    assert {"--nightly", "--model"} <= flags
    assert not [flag for flag in flags if flag not in helped]
    for said in re.findall(r"client\.request (--nightly[^`]*)", text):
        parse_arguments(said.split())


def test_only_what_is_said_is_set_over_the_settings() -> None:
    assert settings_flags(parse_arguments(["G1"])) == {"client": {}}
    argv = ["G1", "--server", "http://other:80", "--model", "hats"]
    client = {"server": "http://other:80", "model": "hats"}
    assert settings_flags(parse_arguments(argv)) == {"client": client}
    several = ["G1", "--server", "http://a:1", "--server", "http://b:2,http://c:3"]
    server = {"server": "http://a:1,http://b:2,http://c:3"}
    assert settings_flags(parse_arguments(several)) == {"client": server}


@pytest.mark.parametrize("content", [None, b"", HEADER_START, HEADER_START + b";Batch\r\n"])
def test_results_go_where_nothing_or_a_results_file_lies(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "mine.csv"
    if content is not None:
        path.write_bytes(content)
    assert results_path(path) == path


def test_a_folder_that_is_not_there_yet_is_made_later(tmp_path: Path) -> None:
    assert results_path(tmp_path / "new" / "mine.csv") == tmp_path / "new" / "mine.csv"


@pytest.mark.parametrize(
    "content", [b"N", HEADER_START[:-1], HEADER_START[3:], b"\x89PNG\r\n\x1a\n", b"\0"]
)
def test_results_never_take_the_place_of_something_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="no results file; it is left as it is"):
        results_path(path)


def test_a_folder_is_answered_with_a_name_in_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is a folder; name a file, like .*Results\.csv"):
        results_path(tmp_path)


def test_a_dash_is_no_file() -> None:
    """As other programs mean standard output by it."""
    with pytest.raises(UsageError, match="results go to a file; name one"):
        results_path(Path("-"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes in folders are POSIX's")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="a pipe or a device"):
        results_path(tmp_path / "pipe")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files have names on Linux")
def test_a_file_that_a_shell_opened_is_left_to_it(tmp_path: Path) -> None:
    """As ``--out /dev/stdout > mine.csv`` has it: what is printed goes to the same file."""
    with (tmp_path / "mine.csv").open("w") as file:
        (tmp_path / "link").symlink_to(f"/proc/self/fd/{file.fileno()}")
        for name in (f"/dev/fd/{file.fileno()}", f"/proc/self/fd/{file.fileno()}", "link"):
            with pytest.raises(UsageError, match="what another program opened; name a file"):
                results_path(tmp_path / name)


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
        results_path(place(tmp_path))


def test_a_link_stands_for_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "mine.csv")
    assert results_path(tmp_path / "link.csv") == tmp_path / "mine.csv"
