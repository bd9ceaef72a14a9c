"""What several benchmarks need: a process's time and memory, and a spread in words."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from scoring.settings import CODE_ROOT

MEGABYTE = 1024 * 1024
WATCH_SECONDS = 0.05


@dataclass(frozen=True)
class Measured:
    """Wall seconds and peak resident memory (MB) of one process."""

    seconds: float
    megabytes: float


def measure(command: list[str]) -> Measured:
    """Run a command to its end, watching its memory; raises SystemExit where it fails."""
    started = time.perf_counter()
    process = psutil.Popen(command, cwd=CODE_ROOT, stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, peak_megabytes(process))
        time.sleep(WATCH_SECONDS)
    if process.returncode:
        raise SystemExit(f"{command[:3]} ended with {process.returncode}")
    return Measured(time.perf_counter() - started, peak)


def peak_megabytes(process: psutil.Process) -> float:
    """Return the peak resident set so far: from the kernel where it tells, else the present one."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) / 1024
    except (OSError, StopIteration):
        try:
            return float(process.memory_info().rss) / MEGABYTE
        except psutil.Error:
            return 0.0


def spread(values: Sequence[float]) -> str:
    """Return median, least and most of some values."""
    return f"{statistics.median(values):.2f} (min {min(values):.2f}, max {max(values):.2f})"
