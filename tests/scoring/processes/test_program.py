"""A program in an interpreter of its own: how it loads, and how it works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def test_a_program_loads_without_collector_and_threads_and_works_with_it(tmp_path: Path) -> None:
    (tmp_path / "stand_in.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING, str(tmp_path)],
        cwd=CODE_ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.stdout.splitlines() == ["loading: False 1", "working: True True"]
    assert done.returncode == 7
