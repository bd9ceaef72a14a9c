"""Nodes of Ray and a server of S3 on this machine, each in processes of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.deadlines import DEADLINE

UP = "block forever"
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}


def free_port() -> int:
    """Return a port that nothing listens on, above those that Ray keeps for its workers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def node(log: Path, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``ray start`` of one core; what it started is killed at the end, if it is still there."""
    command = [
        str(Path(sys.executable).with_name("ray")), "start", *flags, "--num-cpus=1", "--block",
        "--node-ip-address=127.0.0.1", "--disable-usage-stats", "--object-store-memory=100000000",
    ]  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=os.environ | QUIET, stdout=out, stderr=out, start_new_session=True
        )
        try:
            _wait_for(log, UP, process)
            yield process
        finally:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Take a node away as a power cut does."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def s3_server(program: str, log: Path) -> Iterator[str]:
    """Serve S3 from memory; yield the address."""
    port = free_port()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", str(port)], stdout=out, stderr=out
        )
        try:
            _wait_for(log, "Running on", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _wait_for(log: Path, text: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + DEADLINE
    while text not in log.read_text(errors="replace"):
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < end, log.read_text(errors="replace")
        time.sleep(0.1)
