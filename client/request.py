"""``python -m client.request G1``: score batches of images and write Results.csv."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scoring.processes.program import run_program


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return the exit code."""
    from client.command import main as run

    return run(argv)


if __name__ == "__main__":
    sys.exit(run_program("client.command"))
