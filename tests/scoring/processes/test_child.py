from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scoring.processes.child import Child, start_child
from scoring.processes.child_log import ChildLog
from scoring.processes.parent_pipe import FirstLine
from scoring.protocol.identity import SessionSecret
from scoring.settings import CODE_ROOT, Settings, load_settings
from tests.deadlines import DEADLINE, wait_for

StartStandIn = Callable[..., Child]

FIRST = FirstLine(SessionSecret("abc"), 10.0)
PRELUDE = """
import signal, sys, time
from scoring.processes.parent_pipe import ParentPipe
"""
HEEDS = (
    PRELUDE
    + """
import threading
stop = threading.Event()
pipe = ParentPipe.open(stop.set, exit_seconds=120)
print("up", pipe.secret.reveal(), sys.argv[1:], flush=True)
stop.wait()
sys.exit(3 if pipe.window_closed else 0)
"""
)
DEAF = (
    PRELUDE
    + """
print("up", flush=True)
while True: time.sleep(0.05)
"""
)
IMMORTAL = (
    PRELUDE
    + """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
while True: time.sleep(0.05)
"""
)
DIES = "print('first line'); print('last words'); raise SystemExit(7)"

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@pytest.fixture
def start(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StartStandIn]:
    """Return a function that starts a text as a module of its own and waits for its first word."""
    children: list[Child] = []
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{CODE_ROOT}")

    def start(code: str, wait: bool = True, **settings_: object) -> Child:
        (tmp_path / "stand_in.py").write_text(code)
        child = start_child(load_settings(**settings_), "server", "stand_in", ["--x"], FIRST)  # type: ignore[arg-type]  # tables
        children.append(child)
        if wait:
            wait_for(lambda: "up" in child.log_tail(), "the stand-in to start")
        return child

    yield start
    for child in children:
        child.process.kill()
        child.process.wait()
        child.close_pipe()


def test_closing_the_pipe_stops_it_gracefully(start: StartStandIn) -> None:
    child = start(HEEDS)
    assert child.log_tail() == "up abc ['--parent-pipe', '--x']"
    assert child.exit_code() is None
    assert child.stop(DEADLINE) == 0
    assert child.exit_code() == 0


def test_the_end_of_the_window_leaves_the_pipe_open(start: StartStandIn) -> None:
    child = start(HEEDS)
    child.say_window_is_over()
    assert child.wait(DEADLINE) == 3
    child.say_window_is_over()


def test_its_end_is_waited_for_without_a_pidfd_too(
    start: StartStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(pid: int) -> int:
        raise OSError("not here")

    monkeypatch.setattr(os, "pidfd_open", none, raising=False)
    child = start(HEEDS)
    assert child.wait(0.0) is None
    assert child.stop(DEADLINE) == 0


@posix
def test_one_that_does_not_heed_the_pipe_is_terminated(start: StartStandIn) -> None:
    assert start(DEAF).stop(0.05) == -signal.SIGTERM


@posix
def test_one_that_does_not_heed_anything_is_killed(
    start: StartStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scoring.processes.child.TERMINATE_SECONDS", 0.1)
    assert start(IMMORTAL).stop(0.05) == -signal.SIGKILL


def test_the_tail_holds_what_this_child_wrote(start: StartStandIn) -> None:
    start(HEEDS).stop(DEADLINE)
    child = start(DIES, wait=False)
    assert child.wait(DEADLINE) == 7
    assert child.log_tail() == "first line | last words"
    assert child.stop(0.0) == 7


def test_a_full_log_is_set_aside_and_the_oldest_dropped(
    settings: Settings, start: StartStandIn
) -> None:
    folder = settings.logs_folder
    folder.mkdir()
    for number in range(4):
        (folder / "server.log").write_text(f"{number}" * 20_000)
        records = {"log_bytes": 10_000, "log_files": 2}
        start(DIES, wait=False, records=records).wait(DEADLINE)
        # What a child said is written a moment after its end.
        wait_for(
            lambda: "server.log" not in {thread.name for thread in threading.enumerate()},
            "its last words",
        )
    logs = sorted(path.name for path in folder.iterdir())
    assert logs == ["server.log", "server.log.1", "server.log.2"]
    assert (folder / "server.log.1").read_text()[0] == "3"
    assert (folder / "server.log.2").read_text()[0] == "2"


TALKS = (
    PRELUDE
    + """
for number in range(2_000):
    print(f"line {number:05d} " + "x" * 87, flush=True)
print("said all", flush=True)
time.sleep(600)
"""
)


def test_a_log_is_set_aside_while_the_child_is_up(settings: Settings, start: StartStandIn) -> None:
    """Two hundred kilobytes, and files of ten."""
    child = start(TALKS, wait=False, records={"log_bytes": 10_000, "log_files": 3})
    wait_for(lambda: "said all" in child.log_tail(), "the last line")
    assert child.exit_code() is None
    sizes = {path.name: path.stat().st_size for path in settings.logs_folder.iterdir()}
    assert set(sizes) == {"server.log", "server.log.1", "server.log.2", "server.log.3"}
    assert all(0 < size <= 10_000 for size in sizes.values())
    names = ["server.log.3", "server.log.2", "server.log.1", "server.log"]
    kept = b"".join((settings.logs_folder / name).read_bytes() for name in names)
    numbers = [int(line[5:10]) for line in kept.split(b"\n")[1:] if line.startswith(b"line ")]
    assert numbers == list(range(2_000 - len(numbers), 2_000)), "nothing is lost in between"


def test_a_log_that_cannot_be_written_does_not_stop_the_child(
    settings: Settings, start: StartStandIn
) -> None:
    """More than a pipe holds, and nowhere to go."""
    settings.logs_folder.write_text("a file where the folder should be")
    child = start(TALKS, wait=False)
    wait_for(lambda: "said all" in child.log_tail(), "the last line")


@posix
def test_a_pipe_in_the_place_of_a_log_does_not_stop_the_child(
    settings: Settings, start: StartStandIn, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whoever opens it waits until somebody reads it; the server got no further, and the night."""
    settings.logs_folder.mkdir()
    log = settings.logs_folder / "server.log"
    os.mkfifo(log)
    child = start(TALKS, wait=False)
    wait_for(lambda: "said all" in child.log_tail(), "the last line")
    shown = capfd.readouterr().err
    assert shown.count(f"{log} cannot be written (it is a pipe or a device, and no file)") == 1
    assert "line 01999" in shown


def test_without_a_logs_folder_it_runs_all_the_same(
    settings: Settings, start: StartStandIn, capfd: pytest.CaptureFixture[str]
) -> None:
    settings.logs_folder.write_text("a file where the folder should be")
    child = start(DIES, wait=False)
    assert child.wait(DEADLINE) == 7
    assert child.log_tail() == "first line | last words"
    assert "last words" in capfd.readouterr().err


def test_one_that_was_stopped_has_no_more_to_write_down(
    settings: Settings, start: StartStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stops it may clear its folder away next."""
    write = ChildLog._write

    def slowly(log: ChildLog, said: bytes) -> None:
        time.sleep(0.3)
        write(log, said)

    monkeypatch.setattr(ChildLog, "_write", slowly)
    child = start(DIES, wait=False)
    assert child.stop(DEADLINE) == 7
    assert "last words" in (settings.logs_folder / f"{child.name}.log").read_text()


def test_one_that_cannot_be_told_what_it_waits_for_is_ended(settings: Settings) -> None:
    """It would wait without end, and its parent with it."""

    class Broken(io.BytesIO):
        def write(self, _: object, /) -> int:
            raise OSError(errno.EIO, "broken")

    child = start_child(settings, "client", "client.request", ["--new"], None)
    pipe, child.process.stdin = child.process.stdin, Broken()
    try:
        child.begin(FIRST)
        assert child.wait(DEADLINE) not in (None, 0)
    finally:
        child.process.stdin = pipe
        child.stop(0.0)
