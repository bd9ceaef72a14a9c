"""The Dockerfile, as far as it can be tried without building it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scoring.settings import CODE_ROOT
from tests.server.gunicorn_process import started

DOCKERFILE = (CODE_ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")


# .dockerignore leaves it out; tests that run beside this one write there, and take away.
NOT_COPIED = shutil.ignore_patterns("__pycache__")


def lines(instruction: str) -> list[str]:
    return re.findall(rf"(?m)^\s*{instruction}\s+(.*)$", DOCKERFILE)


def copied(folder: Path) -> Path:
    """Copy what the image has of the project, and nothing else."""
    folder.mkdir()
    for line in lines("COPY"):
        *sources, target = shlex.split(line)
        for source in sources:
            place = folder / target / ("" if source.endswith("/") else source)
            if source.endswith("/"):
                shutil.copytree(CODE_ROOT / source, place, ignore=NOT_COPIED)
            else:
                shutil.copyfile(CODE_ROOT / source, place)
    return folder


def command(instruction: str) -> list[str]:
    """Return a command that is written as a list."""
    (line,) = lines(instruction)
    words: list[str] = json.loads(line[line.index("[") :])
    return words


def test_it_installs_what_is_pinned_and_runs_as_nobody_in_particular() -> None:
    (install,) = lines("RUN")
    for name in re.findall(r"-r (\S+)", install):
        assert (CODE_ROOT / name).exists()
        assert name in lines("COPY")[0].split()
    (user,) = lines("USER")
    assert f"--uid {user} " in install
    (base,) = lines("FROM")
    assert base == f"python:3.{sys.version_info.minor}-slim-bookworm" or sys.version_info.minor > 11


def test_what_is_copied_is_let_through() -> None:
    ignored = (CODE_ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    assert let_through == {source for line in lines("COPY") for source in shlex.split(line)[:-1]}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="gunicorn is for POSIX systems")
def test_what_is_copied_is_all_it_takes(tmp_path: Path) -> None:
    code = copied(tmp_path / "image")
    (port,) = lines("EXPOSE")
    serve = [word.replace(f"0.0.0.0:{port}", "127.0.0.1:0") for word in command("CMD")]
    settings = {"SCORING_SERVER__API_KEY": "s3cret"}
    with started(code, command=serve, settings=settings, code=code) as gunicorn:
        check = [word.replace(f"127.0.0.1:{port}", gunicorn.url()[7:]) for word in healthy()]
        assert subprocess.run(check, check=False).returncode == 0
    assert subprocess.run(check, check=False, stderr=subprocess.DEVNULL).returncode != 0


def healthy() -> list[str]:
    """Return the command of the health check, for this Python."""
    python, *words = command("HEALTHCHECK")
    assert python == "python"
    return [sys.executable, *words]
