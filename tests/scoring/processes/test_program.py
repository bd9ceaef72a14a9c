"""A program in an interpreter of its own: how it loads, and how it works."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scoring.processes.program import OLDEST_PYTHON
from scoring.protocol.errors import ExitCode
from scoring.settings import CODE_ROOT
from tests.deadlines import DEADLINE

BEGINNING = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from scoring.processes.program import run_program
sys.exit(run_program("stand_in"))
"""
PROGRAM = """
import gc
import os
print("loading:", gc.isenabled(), os.environ["OPENBLAS_NUM_THREADS"])
kept = [[] for _ in range(10_000)]
def main():
    print("working:", gc.isenabled(), gc.get_freeze_count() > len(kept))
    return 7
"""

# A thread's stack is some megabytes of address space.
WITHOUT_THREADS = """
import resource, threading
def main():
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 1_000_000,) * 2)
    threading.Thread(target=print).start()
"""
WITHOUT_MEMORY = """
def main():
    bytearray(2**60)
"""


def test_a_program_loads_without_collector_and_threads_and_works_with_it(tmp_path: Path) -> None:
    done = _run(PROGRAM, tmp_path)
    assert done.stdout.splitlines() == ["loading: False 1", "working: True True"]
    assert done.returncode == 7


@pytest.mark.skipif(sys.platform != "linux", reason="not run here: needs Linux")
def test_without_threads_the_last_line_says_what_to_do(tmp_path: Path) -> None:
    _says_what_to_do(_run(WITHOUT_THREADS, tmp_path), "no more threads or memory")


def test_without_memory_the_last_line_says_what_to_do(tmp_path: Path) -> None:
    _says_what_to_do(_run(WITHOUT_MEMORY, tmp_path), "no more memory")


def test_a_python_without_the_packages_says_what_to_start_instead(tmp_path: Path) -> None:
    """As Debian's own, or that of a .venv whose Python was upgraded under it."""
    done = _run("import no_such_package.part\n", tmp_path)
    assert done.returncode == ExitCode.USAGE
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: this Python ({sys.executable}, 3.")
    assert "lacks the package no_such_package: start programs with the Python of .venv" in line


@pytest.mark.parametrize("module", ["scoring.no_such_module", "server.no_such_module"])
def test_a_module_of_ours_that_is_missing_is_a_bug(tmp_path: Path, module: str) -> None:
    done = _run(f"import {module}\n", tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"ModuleNotFoundError: No module named '{module}'"


def test_a_python_that_is_too_old_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    older = "import sys\nsys.version_info = (3, 10, 13, 'final', 0)\n"
    done = _run("raise AssertionError\n", tmp_path, older + BEGINNING)
    assert done.returncode == ExitCode.USAGE
    assert f"error: this Python ({sys.executable}, 3.10.13) is too old: " in done.stderr
    wanted = tomllib.loads((CODE_ROOT / "pyproject.toml").read_text())["project"]
    assert wanted["requires-python"] == ">=" + ".".join(map(str, OLDEST_PYTHON))


def _says_what_to_do(done: subprocess.CompletedProcess[str], what: str) -> None:
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"error: the system gives this program {what}: raise its limits")
    assert done.returncode == ExitCode.FAILED


def _run(
    program: str, folder: Path, beginning: str = BEGINNING
) -> subprocess.CompletedProcess[str]:
    (folder / "stand_in.py").write_text(program)
    return subprocess.run(
        [sys.executable, "-c", beginning, str(folder)],
        cwd=CODE_ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
