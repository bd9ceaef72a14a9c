"""The commands of docs/teaching.md do what it says."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scoring.processes.port_owner import free_port
from scoring.settings import CODE_ROOT
from tests.conftest import BUNDLE
from tests.fashion_model.teaching.shop import THINGS, TINY, write_shop, write_things

PAGE = (CODE_ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
TESTED = re.findall(r"<!-- tested -->\n```sh\n(.*?)```", PAGE, flags=re.S)
PYTHON = ".venv/bin/python "


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    assert command.startswith(PYTHON)
    port = free_port("127.0.0.1")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SCORING_")}
    environment = {
        **kept,
        "PYTHONPATH": str(CODE_ROOT),
        "SCORING_PROJECT": str(folder),
        "SCORING_SERVER__PORT": str(port),
        "SCORING_SERVER__MODELS": json.dumps([str(BUNDLE)]),
    }
    arguments = [sys.executable, *command.removeprefix(PYTHON).split()]
    return subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_commands_teach_and_score(tmp_path: Path) -> None:
    write_shop(tmp_path / "photographs", 12)
    write_things(tmp_path / "image_batches" / "P1", "vase", 4, seed=300)
    backbones = tmp_path / "models" / "backbones"
    backbones.mkdir(parents=True)
    shutil.copyfile(TINY, backbones / "tiny.tflite")
    commands = TESTED[0].splitlines()
    assert len(commands) == 2
    for command in commands:
        done = run(command, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    for name in ("README.md", "report.html", "signature.json"):
        assert (tmp_path / "models" / "shop" / name).is_file()
    assert list((tmp_path / "data" / "features").rglob("*.npy"))
    with (tmp_path / "Results.csv").open(encoding="utf-8-sig", newline="") as file:
        items = [row["Item"] for row in csv.DictReader(file)]
    assert len(items) == 4
    assert set(items) <= set(THINGS)
