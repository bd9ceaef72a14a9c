"""The README's commands do what it says, and what it names is there."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from scoring.processes.port_owner import free_port
from scoring.records.results_csv import COLUMNS
from scoring.settings import CODE_ROOT, load_settings
from tests.conftest import write_batch

README = (CODE_ROOT / "README.md").read_text(encoding="utf-8")
TESTED = re.findall(r"<!-- tested -->\n```sh\n(.*?)```", README, flags=re.S)
LEFT_BEHIND = shutil.ignore_patterns(
    ".venv",
    ".git",
    "data",
    "logs",
    "Results*.csv",
    "settings.local.toml",
    ".*_cache",
    "__pycache__",
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project with an environment that is set up already."""
    folder = tmp_path_factory.mktemp("readme") / "garment-scorer"
    shutil.copytree(CODE_ROOT, folder, ignore=LEFT_BEHIND)
    environment = folder / ".venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (environment / "bin" / "python").chmod(0o755)
    for stamp in ("scoring.installed", "all.installed"):
        (environment / stamp).touch()
    return folder


def commands() -> list[str]:
    return [line.split("#")[0].strip() for block in TESTED for line in block.splitlines()]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    port = free_port("127.0.0.1")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SCORING_")}
    environment = {**kept, "SCORING_SERVER__PORT": str(port)}
    # The suite is this very run: show that make would start it, and leave it at that.
    command = command.replace("make test", "make --dry-run test")
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(os.name == "nt", reason="the README's commands are for a POSIX shell")
@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.slow
@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_works(command: str, checkout: Path) -> None:
    done = run(command, checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    if command == "make run":
        _check_run(done.stdout, checkout)


@pytest.mark.skipif(os.name == "nt", reason="the README's commands are for a POSIX shell")
@pytest.mark.slow
def test_the_command_for_another_folder_works_there(checkout: Path, tmp_path: Path) -> None:
    (command,) = re.findall(r"^PYTHONPATH=.*$", README, flags=re.M)
    command = command.replace("~/garment-scorer", str(checkout))
    write_batch(tmp_path / "mine", 2)
    without = run(command.split(" ", 1)[1], tmp_path)
    assert "No module named 'client'" in without.stderr, "as the README says"
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    with (tmp_path / "mine.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "mine.csv"]
    assert (checkout / "data" / "ledger.db").exists()


def _check_run(output: str, checkout: Path) -> None:
    for name in ("images", "failed", "mean confidence", "images/s", "time", "results"):
        assert re.search(rf"^  {name} ", output, flags=re.M), output
    with (checkout / "Results.csv").open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == list(COLUMNS)
    batches = Counter(row[1] for row in rows)
    assert batches == {"G1": 100, "P1": 24}


def test_the_readme_shows_results_as_they_are() -> None:
    assert ",".join(COLUMNS) in README


def documents() -> list[Path]:
    folders = ("", "docs", "deploy", "benchmarks", "fashion_model", "logs")
    return [path for folder in folders for path in (CODE_ROOT / folder).glob("*.md")]


def test_every_file_a_document_links_to_is_there() -> None:
    for path in documents():
        for link in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
            if "://" not in link:
                assert (path.parent / link).exists(), f"{path.name} links to {link}"


def test_no_document_holds_a_placeholder() -> None:
    for path in documents():
        lines = path.read_text(encoding="utf-8").splitlines()
        assert not [line for line in lines if re.fullmatch(r"[A-Z_]{4,}", line)], path


def test_the_settings_the_readme_shows_are_settings() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", README, flags=re.S)
    assert blocks
    for block in blocks:
        load_settings(**tomllib.loads(block))


@pytest.mark.skipif(shutil.which("make") is None, reason="not run here: there is no make")
def test_a_python_that_is_too_old_or_too_new_is_told_before_anything_is_set_up(
    tmp_path: Path,
) -> None:
    """pip would say that it finds no filelock, and the next Python would get that one's .venv."""
    shutil.copy(CODE_ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements-scoring.txt").touch()
    python = tmp_path / "python"
    for version in ((3, 10), (3, 14)):
        older = f"import sys; sys.version_info = {version}; exec(sys.argv[1])"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{older}" "$2"\n')
        python.chmod(0o755)
        done = run(f"make setup PYTHON={python}", tmp_path)
        assert done.returncode != 0
        assert f"error: Python 3.11 to 3.13 is needed, and {python} is none" in done.stderr
        assert not (tmp_path / ".venv").exists()
