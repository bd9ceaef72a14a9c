"""A real scheduler in a real process, in a project folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from scoring.processes.port_owner import free_port
from scoring.records.ledger import Ledger, Run
from scoring.settings import CODE_ROOT
from tests.deadlines import wait_for
from tests.scoring.processes.process_list import project_processes

# For what hangs, not for what is slow.
HANGS_SECONDS = 240


class Desk:
    """A project folder and what can be read from it."""

    def __init__(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project = project
        self.output = project / "scheduler-output.txt"
        self._monkeypatch = monkeypatch
        self.set("SERVER__PORT", free_port("127.0.0.1"))

    def set(self, name: str, value: object) -> None:
        """Set an environment setting for every process that is started from here on."""
        self._monkeypatch.setenv(f"SCORING_{name}", str(value))

    def make_a_run_due(self, window_minutes: float = 10.0) -> None:
        """Let today's run be due since a minute ago; it is noon in the schedule's zone."""
        now = datetime.now(UTC)
        self.set("SCHEDULE__ZONE", f"Etc/GMT{now.hour - 12:+d}")
        due = now.replace(hour=12) - timedelta(minutes=1)
        self.set("SCHEDULE__START_AT", f"{due:%H:%M:%S}")
        self.set("SCHEDULE__CLIENT_AFTER", 0)
        self.set("SCHEDULE__SETTLE_SECONDS", 0)
        self.set("SCHEDULE__STOP_AFTER", window_minutes)
        with self.ledger() as ledger:
            ledger.set_fact("first_start", (now - timedelta(minutes=2)).isoformat())

    def add_batch(self, name: str, images: Iterable[Path]) -> None:
        """Make a batch of links to images."""
        folder = self.project / "image_batches" / name
        folder.mkdir()
        for image in images:
            os.link(image, folder / image.name)

    @contextmanager
    def scheduler(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start a scheduler; whatever is left of it at the end is killed."""
        with self.output.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "scheduler", *arguments],
                cwd=CODE_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a scheduler to its end."""
        return subprocess.run(
            [sys.executable, "-m", "scheduler", *arguments],
            cwd=CODE_ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=HANGS_SECONDS,
            check=False,
        )

    def has_process(self, words: str) -> bool:
        return any(words in command for command in project_processes(self.project).values())

    def pid_of(self, words: str) -> int:
        """Wait for the process whose command has these words; return its pid.

        Who knows it beforehand can send a signal at once when it is time: to look through all
        processes takes a busy machine as long as it takes to score many images.
        """
        wait_for(lambda: self.has_process(words), f"a process of {words}")
        (pid,) = [pid for pid, one in project_processes(self.project).items() if words in one]
        return pid

    def has_run(self) -> bool:
        """Tell whether a client has begun to score."""
        return "run-started" in self.events()

    def events(self) -> list[str]:
        """Return the codes of all events, in order."""
        path = self.project / "logs" / "Events-log.txt"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [line.split(", ")[2] for line in lines]

    def ledger(self) -> Ledger:
        return Ledger(self.project / "data" / "ledger.db", 30.0)

    def runs(self) -> list[Run]:
        """Return all runs, oldest first."""
        with self.ledger() as ledger:
            return ledger.runs(100)[::-1]

    def nightly_states(self) -> list[str]:
        with self.ledger() as ledger:
            return [run.state for run in ledger.nightly_runs(date(2000, 1, 1)).values()]

    def result_rows(self) -> int:
        """Return the number of rows of Results.csv without its header."""
        text = (self.project / "Results.csv").read_text(encoding="utf-8-sig")
        return len(text.splitlines()) - 1

    def forget_everything(self) -> None:
        """Remove all but the batches, once nothing of the scheduler is left."""
        self.assert_nothing_left()
        for path in self.project.iterdir():
            if path.is_dir() and path.name != "image_batches":
                shutil.rmtree(path)
            elif path.is_file():
                path.unlink()

    def assert_nothing_left(self) -> None:
        """Wait for the last process of this project folder to end."""
        wait_for(lambda: not project_processes(self.project), "the end of every process")
