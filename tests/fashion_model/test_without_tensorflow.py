"""With what serving needs and no more: training says what to install, the rest works."""

import subprocess
import sys
from pathlib import Path

import pytest

from scoring.protocol.errors import ExitCode
from tests.fashion_model.idx_files import write_idx

ROOT = Path(__file__).parents[2]
ONLY_TRAINING = ("tensorflow", "keras", "matplotlib")


def run(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in an interpreter that has none of the training's packages."""
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({ONLY_TRAINING!r}));"
        f"from fashion_model import {command}; sys.exit({command}.main())"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "arguments", "package"),
    [
        ("train", [], "tensorflow and matplotlib"),
        ("export", ["--model", "fashion_model/model.keras", "--out", "nowhere"], "tensorflow"),
        ("evaluate", ["--pictures", "nowhere"], "matplotlib"),
    ],
)
def test_what_is_missing_is_one_line(command: str, arguments: list[str], package: str) -> None:
    done = run(command, *arguments)
    assert done.returncode == ExitCode.USAGE
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: this command needs {package}, which ")
    assert f"{sys.executable} -m pip install -r {ROOT / 'requirements.txt'}" in done.stderr


def test_evaluating_leaves_out_what_only_the_reference_can_tell(tmp_path: Path) -> None:
    write_idx(tmp_path, "t10k")
    done = run("evaluate", "--data", str(tmp_path), "--split", "test", "--no-speed")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "accuracy int8 (served)" in done.stdout
    assert "fp32" not in done.stdout
    assert "nothing is compared with model.keras: this command needs tensorflow" in done.stderr


@pytest.mark.parametrize("command", ["batch", "calibrate", "reseal", "export", "train", "teach"])
def test_help_needs_nothing(command: str) -> None:
    assert run(command, "--help").returncode == 0
