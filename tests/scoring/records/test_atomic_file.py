from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scoring.records.atomic_file import atomic_text, remove_leftovers
from scoring.settings import CODE_ROOT


def test_the_new_file_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    with atomic_text(path) as file:
        file.write("one")
    with atomic_text(path) as file:
        file.write("two")
        assert path.read_text() == "one"
    assert path.read_text() == "two"
    assert os.listdir(path.parent) == ["file.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write_half() -> None:
        with atomic_text(path) as file:
            file.write("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


KILLED = """
import os, signal, sys
from pathlib import Path
from scoring.records.atomic_file import atomic_text
with atomic_text(Path(sys.argv[1])) as file:
    file.write("half")
    file.flush()
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
"""


def test_a_kill_leaves_the_old_file_and_its_part_is_cleared_away(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=CODE_ROOT, check=False)
    assert done.returncode != 0
    assert path.read_text() == "old"
    assert len(os.listdir(tmp_path)) == 2
    remove_leftovers(path)
    assert os.listdir(tmp_path) == ["file.txt"]
