"""The command line: what it refuses before anything is scored."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from cluster.__main__ import main
from scoring.settings import CODE_ROOT


@pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is here")
def test_without_ray_one_sentence_says_what_to_install(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cluster", "G1", "--out", str(project / "out")],
        cwd=CODE_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "error: several machines need ray and pyarrow and fsspec" in done.stderr
    assert "pip install -r" in done.stderr
    assert not (project / "out").exists()


@pytest.mark.parametrize("flags", [[], ["--out", "x", "--cores", "0"], ["--out", "x", "--y"]])
def test_a_wrong_command_line_is_told(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["G1", *flags])
    assert ended.value.code == 2
    assert "python -m cluster" in capsys.readouterr().err


@pytest.mark.usefixtures("arrow")
def test_what_cannot_be_done_is_told_before_ray_starts(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(project / "out")]
    assert main(["no-such-batch", *out]) == 4
    (project / "mine.csv").write_text("mine")
    assert main(["no-such-batch", *out, "--results", str(project / "mine.csv")]) == 2
    assert main(["no-such-batch", *out, "--results", str(project)]) == 2
    assert main(["no-such-batch", *out, "--results", str(project / "mine.csv" / "r.csv")]) == 2
    assert main(["no-such-batch", "--out", ""]) == 2
    assert main(["no-such-batch", "--out", str(project / "mine.csv")]) == 2
    told = capsys.readouterr().err
    assert "no batch no-such-batch" in told
    assert "mine.csv is no results file; it is left as it is" in told
    assert "r.csv cannot be written: Not a directory; name another file" in told
    assert "--out has no name" in told
    assert "mine.csv is no folder; name one" in told
    assert (project / "mine.csv").read_text() == "mine"
