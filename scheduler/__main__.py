"""``python -m scheduler``: the clock of the nightly run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scoring.processes.program import run_program


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return the exit code."""
    from scheduler.command import main as run

    return run(argv)


if __name__ == "__main__":
    sys.exit(run_program("scheduler.command"))
