"""Commands as they are typed where this runs."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from scoring.protocol.commands import command, python_of

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="sh finds programs so")


def program(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_it_is_this_interpreter_that_is_named() -> None:
    word, flag, module, *rest = shlex.split(command("scheduler", "--once"), posix=True)
    assert (flag, module, rest) == ("-m", "scheduler", ["--once"])
    assert word == python_of(sys.executable)


def test_one_within_the_folder_goes_by_its_place_there(tmp_path: Path) -> None:
    own = program(tmp_path / ".venv" / "bin", "python")
    assert python_of(str(own), tmp_path, "") == str(Path(".venv/bin/python"))


@needs_links
@pytest.mark.parametrize("name", ["python", "python3"])
def test_one_that_the_shell_finds_goes_by_its_name(tmp_path: Path, name: str) -> None:
    found = program(tmp_path / "bin", name)
    root = tmp_path / "code"
    assert python_of(str(found), root, str(found.parent)) == name
    first = program(tmp_path / "first", name)
    both = f"{first.parent}:{found.parent}"
    assert python_of(str(found), root, both) == str(found)


@needs_links
def test_any_other_goes_by_its_path_in_one_word(tmp_path: Path) -> None:
    other = program(tmp_path / "a b", "python3.11")
    assert shlex.split(python_of(str(other), tmp_path / "code", "")) == [str(other)]


def test_within_a_web_server_there_is_no_interpreter_to_name() -> None:
    assert python_of("/usr/sbin/apache2") == "python3"
    assert python_of("") == "python3"
