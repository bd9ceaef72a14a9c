"""The programs whose system calls fail, each with the project it works in and what must hold."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil

from client import request
from scoring.processes.port_owner import free_port, port_is_taken
from scoring.protocol.errors import ExitCode
from scoring.records.ledger import Ledger
from scoring.settings import CODE_ROOT, load_settings
from tests.conftest import running_server, write_batch
from tests.deadlines import wait_for
from tests.faults.oracle import EVENT, assert_truth, read_events, read_whole_results
from tests.faults.system_calls import KILL, Fault, faults_of, has_struck, traced
from tests.scoring.processes.process_list import project_processes

FIRST_NIGHT, NIGHT, NEXT_NIGHT = "2026-11-20", "2026-11-21", "2026-11-22"
LONG_AGO = 1_000_000_000
HANGS_SECONDS = 180
PROGRAMS = ("client", "night", "cycle", "server")
ENVIRONMENT = {
    "SCORING_PROJECT": "",
    "SCORING_SERVER__PORT": "",
    "SCORING_CLIENT__RETRY_SECONDS": "0.05",
    "SCORING_SCHEDULE__SETTLE_SECONDS": "0",
    # What Python writes for itself is nobody's promise.
    "PYTHONDONTWRITEBYTECODE": "1",
}
BUG = (", bug, ", "Traceback (most recent call last)")


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    code: int
    output: str


class Bench:
    """A project folder in which programs run with faults; ``try_fault`` asserts what must hold.

    A server stands beside it, without faults, for the clients. The environment of this process
    points to the folder.
    """

    def __init__(self, folder: Path, server: str) -> None:
        self.project = folder / "project"
        self.log = folder / "calls.txt"
        self._server = server
        self._port = free_port("127.0.0.1")
        self._templates = folder / "templates"
        os.environ.update(
            ENVIRONMENT, SCORING_PROJECT=str(self.project), SCORING_SERVER__PORT=str(self._port)
        )

    # What is done

    def faults(self, program: str) -> list[Fault]:
        """Let a program run without a fault; return those that it gives room for."""
        self._prepare(program)
        ended = self._run(program, None)
        assert ended.code == 0, ended.output
        return faults_of(self.log)

    def try_fault(self, program: str, fault: Fault) -> str:
        """Run a program with a fault, then a client without; return how the program ended."""
        before = self._prepare(program)
        ended = self._run(program, fault)
        if not has_struck(self.log, fault):
            return "not met"
        self._assert_it_ended_well(ended, fault, before)
        again = self._clean_run(program)
        assert again.code == ExitCode.DONE, f"the run after it: {again}"
        told = [*read_events(load_settings()).splitlines(), *self._told(ended), *self._told(again)]
        assert_truth(load_settings(), events="\n".join(told))
        # A run's copy in logs/ goes with its folder, whole or not.
        folders = (self.project, *load_settings().ledger_file.parent.rglob("**/"))
        parts = [path.name for folder in folders for path in folder.glob(".*.part*")]
        assert not parts, f"left behind: {parts}"
        return "killed" if fault.how == KILL else "done" if ended.code == 0 else "failed"

    # What must hold

    def _assert_it_ended_well(self, ended: Ended, fault: Fault, before: bytes | None) -> None:
        assert not [word for word in BUG if word in ended.output], f"a bug: {ended.output}"
        settings = load_settings()
        path = settings.results_file
        if path.exists():
            read_whole_results(path)
        if fault.how == KILL:
            return
        assert ended.code in list(ExitCode), ended
        assert not project_processes(self.project), "processes are left"
        if ended.code == 0:
            assert path.exists(), "done, but no results"
        elif before is not None and path.read_bytes() == before:
            assert "rror" in ended.output or "ERROR" in read_events(settings), "failed in silence"

    def _told(self, ended: Ended) -> Iterator[str]:
        """Yield the events that could not be written to their file and went to stderr."""
        return (line for line in ended.output.splitlines() if EVENT.fullmatch(line))

    # How it is done

    def _prepare(self, program: str) -> bytes | None:
        """Lay out the project as it was; return what is in its Results.csv."""
        template = self._templates / program
        if not template.exists():
            shutil.rmtree(self.project, ignore_errors=True)
            self._lay_out(program)
            shutil.copytree(self.project, template)
        shutil.rmtree(self.project)
        shutil.copytree(template, self.project)
        results = load_settings().results_file
        return results.read_bytes() if results.exists() else None

    def _lay_out(self, program: str) -> None:
        """Make a new project, or for a night one that has had a night before."""
        self._write("G1", 3)
        if program == "night":
            assert self._in_process("--nightly", FIRST_NIGHT).code == ExitCode.DONE
            self._write("G2", 2)

    def _write(self, batch: str, count: int) -> None:
        for path in write_batch(self.project / "image_batches" / batch, count, seed=len(batch)):
            os.utime(path, (LONG_AGO, LONG_AGO))

    def _run(self, program: str, fault: Fault | None) -> Ended:
        commands: dict[str, tuple[str, ...]] = {
            "client": ("client.request", "G1", "--server", self._server),
            "night": ("client.request", "--nightly", NIGHT, "--server", self._server),
            "cycle": ("scheduler", "--once", "--all"),
            "server": ("server",),
        }
        command = (sys.executable, "-m", *commands[program])
        output = self.project / "output.txt"
        with (
            output.open("wb") as file,
            subprocess.Popen(
                traced(self.log, command, fault),
                cwd=CODE_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            ) as process,
        ):
            if program == "server":
                self._use(process)
            code = process.wait(HANGS_SECONDS)
        wait_for(lambda: not project_processes(self.project), "the end of every process")
        return Ended(code, output.read_text(errors="replace"))

    def _use(self, server: subprocess.Popen[bytes]) -> None:
        """Score through a server that may fail, then stop it."""

        def is_up() -> bool:
            return server.poll() is not None or port_is_taken("127.0.0.1", self._port)

        wait_for(is_up, "the server to be up, or gone")
        code = self._in_process("G1", "--server", f"http://127.0.0.1:{self._port}").code
        assert code in (ExitCode.DONE, ExitCode.FAILED, ExitCode.NO_SERVER)
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(server.pid).children():
                child.send_signal(signal.SIGTERM)

    def _clean_run(self, program: str) -> Ended:
        if program != "night":
            return self._in_process("G1")
        with Ledger.from_settings(load_settings()) as ledger:
            run = ledger.nightly_run(date.fromisoformat(NIGHT))
        has_ended = run is not None and run.state != "running"
        return self._in_process("--nightly", NEXT_NIGHT if has_ended else NIGHT)

    def _in_process(self, *arguments: str) -> Ended:
        """Run the client in this process, by default against the good server."""
        output = io.StringIO()
        server = () if "--server" in arguments else ("--server", self._server)
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = request.main([*arguments, *server])
        return Ended(code, output.getvalue())


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Yield a bench with a server of its own."""
    with running_server(load_settings()) as url:
        yield Bench(folder, url)
