"""What the tests of faults have in common: a project folder, and programs that work in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from client import request
from scoring.records.ledger import Ledger, Run
from scoring.settings import CODE_ROOT, Settings, load_settings
from tests.conftest import write_batch

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="not run here: needs Linux")
POSIX = pytest.mark.skipif(os.name == "nt", reason="not run here: needs a POSIX system")

LONG_AGO = 1_000_000_000
# For what hangs, not for what is slow.
HANGS_SECONDS = 240


def may_mount() -> bool:
    """Tell whether this system lets a test have a private mount namespace."""
    if sys.platform != "linux" or not shutil.which("unshare"):
        return False
    probe = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        capture_output=True,
        check=False,
    )
    return probe.returncode == 0


MOUNTS = pytest.mark.skipif(not may_mount(), reason="not run here: no private mount namespace")


class Project:
    """A project folder with batches; commands run inside this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.batches = folder / "image_batches"
        self.results = folder / "Results.csv"

    @property
    def settings(self) -> Settings:
        return load_settings()

    def write(self, batch: str, count: int, seed: int = 0) -> Path:
        """Write a batch of drawn garments, changed long ago; return its folder."""
        for path in write_batch(self.batches / batch, count, seed):
            os.utime(path, (LONG_AGO, LONG_AGO))
        return self.batches / batch

    def score(self, *arguments: str) -> int:
        """Run ``client.request`` in this process; return its exit code."""
        return request.main([*arguments])

    def events(self) -> str:
        path = self.settings.logs_folder / "Events-log.txt"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def latest_run(self) -> Run:
        with Ledger(self.settings.ledger_file, 30.0) as ledger:
            run = ledger.runs(1)[0]
        assert run
        return run

    def start(self, *command: str, **options: object) -> subprocess.Popen[str]:
        """Start one of the programs as a process of its own."""
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]  # options differ by test
            [sys.executable, *command],
            cwd=CODE_ROOT,
            stdin=subprocess.DEVNULL,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options},
        )

    def run(
        self, *command: str, timeout: float = HANGS_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run one of the programs as a process to its end."""
        return subprocess.run(
            [sys.executable, *command],
            cwd=CODE_ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def run_mounted(self, mounts: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program after the shell commands ``mounts``, in a private mount namespace.

        What lies on a file system mounted there is gone afterwards, but for the folder that
        ``mounts`` names in ``$SAVE``: it is copied to ``kept`` in the project folder.
        """
        script = (
            f"SAVE=\nset -e\n{mounts}\nset +e\n"
            '"$@"\ncode=$?\n[ -z "$SAVE" ] || cp -a "$SAVE" "$KEEP"\nexit $code'
        )
        keep = self.folder / "kept"
        keep.mkdir(exist_ok=True)
        return subprocess.run(
            ["unshare", "-rm", "sh", "-c", script, "sh", sys.executable, *command],
            cwd=CODE_ROOT,
            env={**os.environ, "KEEP": str(keep)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=HANGS_SECONDS,
            check=False,
        )


Condition = Callable[[], bool]
