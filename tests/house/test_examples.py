"""The suite's examples are the same every time; a search draws others, and finds them again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scoring.settings import CODE_ROOT
from tests import fuzz

DRAW = """
import sys
import tests.examples
{more}
import hypothesis
from hypothesis import given, strategies as st

@given(st.integers() | st.text())
def draw(value):
    sys.stdout.write(ascii(value) + chr(10))

draw()
"""


def drawn(more: str = "") -> list[str]:
    """Return what a fresh interpreter draws after it has done ``more``."""
    done = subprocess.run(
        [sys.executable, "-c", DRAW.format(more=more)],
        cwd=CODE_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.slow
def test_the_same_examples_alone_and_beside_others() -> None:
    alone = drawn()
    assert len(alone) > 50
    assert drawn() == alone
    assert drawn("import server.app, client.request, tests.simulation.mishaps") == alone


@pytest.mark.slow
def test_a_search_draws_others_each_time() -> None:
    search = 'import hypothesis; hypothesis.settings.load_profile("fuzz")'
    assert drawn(search) != drawn(search)


FLAWED = """
from hypothesis import given, strategies as st

@given(st.integers())
def test_flawed(number):
    assert number < 50
"""


@pytest.mark.slow
def test_a_find_is_told_with_the_way_to_repeat_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "test_flawed.py"
    path.write_text(FLAWED, encoding="utf-8")
    assert fuzz.main(["--minutes", "5", str(path)]) == 1
    told = capsys.readouterr().out
    assert "number = 50" in told
    assert f"--hypothesis-profile=fuzz --hypothesis-seed={told.split()[3]} {path}" in told


@pytest.mark.slow
def test_a_search_that_finds_nothing_ends_in_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "test_right.py"
    path.write_text(FLAWED.replace("number < 50", "number == number"), encoding="utf-8")
    assert fuzz.main(["--minutes", "0.02", str(path)]) == 0
    assert "nothing found in " in capsys.readouterr().out
