"""Run one contender once: wall and processor seconds, memory, and the labels it wrote."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.bench.contract import Contender, Program, Server, Unavailable, Work
from benchmarks.measuring import peak_megabytes
from scoring.processes.port_owner import free_port
from scoring.settings import CODE_ROOT

HOST = "127.0.0.1"
LOOK_SECONDS = 0.05  # at one process; all of its children are looked for at every sixth look
LOOKS = 6
READY_SECONDS = 180.0
LONGEST_SECONDS = 1800.0
TAIL_BYTES = 600


@dataclass(frozen=True)
class Measured:
    """What one run took; ``megabytes`` are the sums of the processes' peaks."""

    wall: float
    client_processor: float
    server_processor: float
    client_megabytes: float
    server_megabytes: float

    @property
    def processor(self) -> float:
        """Processor seconds, user and system, of client and server."""
        return self.client_processor + self.server_processor


@dataclass(frozen=True)
class Serving:
    """A server that is ready: its URL, its process (None: there is no server) and its start."""

    url: str
    process: psutil.Process | None
    seconds: float = 0.0

    def processor(self) -> float:
        return sum(_processor(one) for one in family(self.process)) if self.process else 0.0

    def megabytes(self) -> float:
        return sum(peak_megabytes(one) for one in family(self.process)) if self.process else 0.0


def run_once(contender: Contender, work: Work, serving: Serving) -> Measured:
    """Run a contender's client over a folder; raises Unavailable where it fails."""
    program = contender.client(work, serving.url)
    before = serving.processor()
    wall, processor, megabytes = _run(program, work.scratch / "client.log")
    return Measured(wall, processor, serving.processor() - before, megabytes, serving.megabytes())


@contextmanager
def served(server: Server | None, work: Work) -> Iterator[Serving]:
    """Have a contender's server up while within; raises Unavailable where it never is."""
    if server is None:
        yield Serving("", None)
        return
    port = free_port(HOST)
    program, log = server.program(work, port), work.scratch / "server.log"
    with log.open("ab") as file:
        started = time.perf_counter()
        process = psutil.Popen(
            program.command,
            cwd=CODE_ROOT,
            env=program.environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        url = f"http://{HOST}:{port}"
        _wait_until_ready(process, url + server.ready, log)
        yield Serving(url, process, time.perf_counter() - started)
    finally:
        _end(process)


def family(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and all that descend from it."""
    with suppress(psutil.Error):
        return [process, *process.children(recursive=True)]
    return [process]


def _wait_until_ready(process: psutil.Popen, url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Unavailable(f"its server ended with {process.returncode}: {_tail(log)}")
        with suppress(OSError, urllib.error.URLError):
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        time.sleep(0.01)
    raise Unavailable(f"its server was not ready after {READY_SECONDS:g} s: {_tail(log)}")


def _run(program: Program, log: Path) -> tuple[float, float, float]:
    """Run to the end; return wall seconds, processor seconds and MB of it and its children."""
    with log.open("wb") as file:
        started = time.perf_counter()
        process = subprocess.Popen(
            program.command,
            cwd=CODE_ROOT,
            env=program.environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    looker = _Looker(process.pid)
    overdue = threading.Timer(LONGEST_SECONDS, process.kill)
    overdue.start()
    try:
        own = _wait(process)
        wall = time.perf_counter() - started
    finally:
        overdue.cancel()
        looker.end()
    if process.returncode:
        raise Unavailable(f"ended with {process.returncode}: {_tail(log)}")
    return wall, max(own, looker.processor), looker.megabytes


def _wait(process: subprocess.Popen[bytes]) -> float:
    """Wait for its end; return the processor seconds of it and those that it waited for.

    0 where the system does not tell: what was seen while it ran counts then.
    """
    if sys.platform == "win32":
        process.wait()
        return 0.0
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


class _Looker:
    """A thread that looks at a process and its children: what each took, and its most memory."""

    def __init__(self, pid: int) -> None:
        self._processors: dict[psutil.Process, float] = {}
        self._megabytes: dict[psutil.Process, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, args=(pid,), daemon=True)
        self._thread.start()

    @property
    def processor(self) -> float:
        return sum(self._processors.values())

    @property
    def megabytes(self) -> float:
        return sum(self._megabytes.values())

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self, pid: int) -> None:
        try:
            root = psutil.Process(pid)
        except psutil.Error:
            return
        count = 0
        while not self._over.wait(LOOK_SECONDS):
            count += 1
            for process in [root] if count % LOOKS else family(root):
                self._see(process)

    def _see(self, process: psutil.Process) -> None:
        with suppress(psutil.Error):
            self._processors[process] = _processor(process)
            most = max(self._megabytes.get(process, 0.0), peak_megabytes(process))
            self._megabytes[process] = most


def _processor(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _end(process: psutil.Popen) -> None:
    """End a server and all its children, first by asking."""
    members = family(process)
    with suppress(psutil.Error):
        process.terminate()
    _, left = psutil.wait_procs(members, timeout=8)
    for one in left:
        with suppress(psutil.Error):
            one.kill()
    psutil.wait_procs(left, timeout=5)


def _tail(log: Path) -> str:
    """Return the last lines of a log as one."""
    text = log.read_bytes()[-TAIL_BYTES:].decode(errors="replace")
    return " ".join(text.split()) or "it left no message"
