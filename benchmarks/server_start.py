"""How long the server takes from process start until it is ready, and how much memory.

python -m benchmarks.server_start [--rounds 10]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from benchmarks.measuring import peak_megabytes, spread
from scoring.processes.managed_server import ManagedServer
from scoring.settings import CODE_ROOT, Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write two lines."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server_start")
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args(argv).rounds
    with tempfile.TemporaryDirectory() as folder:
        measured = [start_once(Path(folder)) for _ in range(rounds + 1)][1:]
    write = sys.stdout.write
    write(f"process start to ready: {spread([seconds for seconds, _ in measured])} s\n")
    write(f"peak memory when ready: {spread([megabytes for _, megabytes in measured])} MB\n")
    return 0


def start_once(project: Path) -> tuple[float, float]:
    """Start a server, return seconds until it is ready and its peak memory in MB."""
    with ManagedServer(Settings(project=project), port=0) as server:
        started = time.perf_counter()
        server.start(["--model", str(CODE_ROOT / "fashion_model")])
        server.wait_until_ready()
        seconds = time.perf_counter() - started
        return seconds, peak_megabytes(psutil.Process(server.pid))


if __name__ == "__main__":
    sys.exit(main())
