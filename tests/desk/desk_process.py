"""A desk as a process of its own, which can be killed and started again at the same address."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import requests

from scoring.processes.port_owner import free_port
from scoring.settings import CODE_ROOT
from tests.deadlines import wait_for


class DeskProcess:
    """``python -m desk`` over the project folder of the environment."""

    def __init__(self) -> None:
        self.port = free_port("127.0.0.1")
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "desk", "--port", str(self.port)],
            cwd=CODE_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        wait_for(self.answers, "the desk answers")

    def answers(self) -> bool:
        with suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/who", timeout=10).status_code == 200
        return False

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def running_desk() -> Iterator[DeskProcess]:
    """Start a desk; end it when the block does."""
    desk = DeskProcess()
    try:
        desk.start()
        yield desk
    finally:
        desk.kill()


def names_of(labels: Sequence[str]) -> dict[str, str]:
    """Return which key gives which label, of ten at most."""
    return dict(zip("1234567890", labels, strict=False))
