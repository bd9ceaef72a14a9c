"""``python -m tests.faults.kills --count 200``: SIGKILL at random moments of a whole cycle.

Each time one of client, server and scheduler is killed at a moment drawn uniformly over the life
of a run of 5,000 images, from the scheduler's start to its end. After the next start every image
has exactly one row, no process is left behind, and Results.csv was whole at every instant.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from scoring.processes.port_owner import free_port
from scoring.records.ledger import Ledger
from scoring.settings import CODE_ROOT, load_settings
from tests.conftest import BUNDLE, write_batch
from tests.deadlines import wait_for
from tests.faults.oracle import assert_truth, read_whole_results
from tests.scoring.processes.process_list import project_processes

IMAGES = 5_000
DISTINCT = 200
PROGRAMS = {"-m scheduler": "scheduler", "-m server": "server", "-m client.request": "client"}
LOOK_SECONDS = 0.002
CYCLE_SECONDS = 300
END_SECONDS = 120


def main(argv: Sequence[str] | None = None) -> int:
    """Kill as often as asked for and write what happened; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kills")
    parser.add_argument("--count", type=int, default=200, help="how many kills")
    parser.add_argument("--images", type=int, default=IMAGES, help="images of a run")
    parser.add_argument("--seed", type=int, default=1, help="of the moments and the victims")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        kills = Kills(Path(folder), arguments.images, arguments.seed)
        while (number := kills.victims.total()) < arguments.count:
            sys.stdout.write(f"{number + 1:>4}  {kills.kill_once()}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{kills.summary()}\n")
    return 0


class Kills:
    """A project folder in which cycles are killed; broken promises are AssertionErrors."""

    def __init__(self, project: Path, images: int, seed: int) -> None:
        self.project = project
        self.victims: Counter[str] = Counter()
        self.states: Counter[str] = Counter()
        self._images = images
        self._random = random.Random(seed)
        self._results = Results(project / "Results.csv", images)
        self._set_up()
        # How long a cycle takes when nobody is killed: the shortest so far, lest moments be late.
        self.seconds = min(self._run_to_the_end() for _ in range(2))

    def kill_once(self) -> str:
        """Run a cycle, kill in it, start again, ask the oracle; return a line about it.

        A moment after the cycle's end kills nobody and does not count.
        """
        for name in ("data", "logs"):
            shutil.rmtree(self.project / name, ignore_errors=True)
        moment = self._random.uniform(0, self.seconds)
        with self._results.watched():
            with self._cycle() as cycle:
                victim = self._kill(cycle, moment)
                code = cycle.wait(CYCLE_SECONDS)
            self._wait_for_the_end_of_all()
            state = self._state()
            if code != 0:
                self._run_to_the_end()
        assert_truth(load_settings())
        assert len(read_whole_results(self._results.path)) == self._images
        assert not list(self.project.glob(".*.part")), "a part was left behind"
        if victim:
            self.victims[victim] += 1
            self.states[state] += 1
        return f"{moment:6.2f} s  {victim or 'too late':<10} {state}"

    def _wait_for_the_end_of_all(self) -> None:
        wait_for(
            lambda: not project_processes(self.project), "the end of every process", END_SECONDS
        )

    def summary(self) -> str:
        """Return the figures of all kills."""
        return (
            f"{self.victims.total()} kills over the {self.seconds:.1f} s of a run of"
            f" {self._images:,} images: {_figures(self.victims)}; found afterwards:"
            f" {_figures(self.states)}. Every image has exactly one row after the next start;"
            f" Results.csv was whole each of the {self._results.looks:,} times it was looked at"
            f" ({self._results.versions} versions)."
        )

    def _set_up(self) -> None:
        """Make the batch and point every program to this project folder."""
        batch = self.project / "image_batches" / "G1"
        pictures = write_batch(batch, min(DISTINCT, self._images))
        for number in range(len(pictures) + 1, self._images + 1):
            os.link(pictures[number % len(pictures)], batch / f"img_{number}.png")
        os.environ.update(
            SCORING_PROJECT=str(self.project),
            SCORING_SERVER__MODELS=json.dumps([str(BUNDLE)]),
            SCORING_SERVER__PORT=str(free_port("127.0.0.1")),
            SCORING_CLIENT__TRIES="50",
            SCORING_CLIENT__RETRY_SECONDS="0.2",
        )

    def _run_to_the_end(self) -> float:
        """Run a cycle that nobody kills; return how many seconds it took."""
        started = time.monotonic()
        with self._cycle() as cycle:
            code = cycle.wait(CYCLE_SECONDS)
        assert code == 0, f"exit code {code}: {self._output.read_text(errors='replace')[-2000:]}"
        return time.monotonic() - started

    @property
    def _output(self) -> Path:
        return self.project / "output.txt"

    @contextmanager
    def _cycle(self) -> Iterator[subprocess.Popen[bytes]]:
        with self._output.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "scheduler", "--once", "--all"],
                cwd=CODE_ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def _kill(self, cycle: subprocess.Popen[bytes], moment: float) -> str | None:
        """Wait for the moment, then kill one of the programs that are still there."""
        with suppress(subprocess.TimeoutExpired):
            cycle.wait(moment)
        alive = {
            name: pid
            for pid, command in project_processes(self.project).items()
            for words, name in PROGRAMS.items()
            if words in command
        }
        if not alive:
            return None
        victim = self._random.choice(sorted(alive))
        os.kill(alive[victim], signal.SIGKILL)
        return victim

    def _state(self) -> str:
        """Return what the ledger says between the kill and the next start."""
        path = load_settings().ledger_file
        if not path.exists():
            return "no run yet"
        with Ledger(path, 30.0) as ledger:
            runs = ledger.runs(1)
            if not runs:
                return "no run yet"
            run = runs[0]
            shown, waiting = ledger.count_images(run.id)
        return "interrupted" if run.state == "running" and waiting < shown else f"run {run.state}"


class Results:
    """Looks at Results.csv all the time; whoever opens it finds a whole file."""

    def __init__(self, path: Path, images: int) -> None:
        self.path = path
        self.looks = 0
        self.versions = 0
        self._images = images
        self._seen: tuple[int, int, int] | None = None
        self._broken: AssertionError | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        end = threading.Event()
        thread = threading.Thread(target=self._watch, args=(end,))
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()
        if self._broken:
            raise self._broken

    def _watch(self, end: threading.Event) -> None:
        while not end.wait(LOOK_SECONDS):
            try:
                self._look()
            except AssertionError as broken:
                self._broken = broken

    def _look(self) -> None:
        status = self.path.stat()
        self.looks += 1
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        if version != self._seen:
            assert len(read_whole_results(self.path)) == self._images
            self._seen = version
            self.versions += 1


def _figures(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


if __name__ == "__main__":
    sys.exit(main())
