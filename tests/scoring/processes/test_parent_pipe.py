from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from scoring.processes.parent_pipe import (
    HARD_EXIT_CODE,
    WAIT,
    WINDOW_IS_OVER,
    FirstLine,
    NoParent,
    NotNeeded,
    ParentPipe,
)
from scoring.protocol.identity import SessionSecret
from scoring.settings import CODE_ROOT
from tests.deadlines import DEADLINE

SECRET = SessionSecret("abc")


class Pipe:
    """The parent's end, and what the child's end did."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        self.closed = threading.Event()
        self.calls = 0
        self.exited = threading.Event()
        self.exit_code: int | None = None

    def on_close(self) -> None:
        self.calls += 1
        self.closed.set()

    def hard_exit(self, code: int) -> None:
        self.exit_code = code
        self.exited.set()

    def open(self, exit_seconds: float = 0.0, first_line_seconds: float = DEADLINE) -> ParentPipe:
        return ParentPipe.open(
            self.on_close,
            exit_seconds=exit_seconds,
            fd=self.read_end,
            hard_exit=self.hard_exit,
            first_line_seconds=first_line_seconds,
        )

    def write(self, data: bytes) -> None:
        os.write(self.write_end, data)

    def close(self) -> None:
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def test_the_first_line_tells_secret_window_and_what_is_absent(pipe: Pipe) -> None:
    pipe.write(FirstLine(SECRET, 1500.0, {"hats": "gone"}).encode())
    child = pipe.open()
    assert (child.secret, child.window_seconds) == (SECRET, 1500.0)
    assert child.absent == {"hats": "gone"}
    assert not pipe.closed.is_set()


def test_the_first_line_may_come_in_pieces(pipe: Pipe) -> None:
    first, second = FirstLine(None, None).encode()[:7], FirstLine(None, None).encode()[7:]
    pipe.write(first)
    threading.Timer(0.05, pipe.write, [second]).start()
    child = pipe.open()
    assert (child.secret, child.window_seconds) == (None, None)


def test_a_closed_pipe_asks_to_stop_and_then_ends_the_process(pipe: Pipe) -> None:
    pipe.write(FirstLine(SECRET, None).encode())
    child = pipe.open()
    pipe.close()
    assert pipe.closed.wait(DEADLINE)
    assert pipe.exited.wait(DEADLINE)
    assert (child.parent_gone, child.window_closed) == (True, False)
    assert (pipe.calls, pipe.exit_code) == (1, HARD_EXIT_CODE)


def test_the_end_of_the_window_asks_once_and_does_not_end_the_process(pipe: Pipe) -> None:
    pipe.write(FirstLine(SECRET, 1.0).encode())
    child = pipe.open()
    pipe.write(WINDOW_IS_OVER)
    assert pipe.closed.wait(DEADLINE)
    assert (child.window_closed, child.parent_gone) == (True, False)
    assert not pipe.exited.is_set()
    pipe.close()
    assert pipe.exited.wait(DEADLINE)
    assert pipe.calls == 1


def test_a_callback_that_fails_does_not_keep_the_process_alive(pipe: Pipe) -> None:
    def fail() -> None:
        raise RuntimeError("boom")

    pipe.write(FirstLine(SECRET, None).encode())
    ParentPipe.open(fail, exit_seconds=0.0, fd=pipe.read_end, hard_exit=pipe.hard_exit)
    pipe.close()
    assert pipe.exited.wait(DEADLINE)


@pytest.mark.parametrize(
    "line",
    [
        b"hello\n",
        b"[]\n",
        b'{"secret": 1}\n',
        WAIT + b"hello\n",
        b'{"secret": null, "window_seconds": "1"}\n',
        b'{"secret": null, "window_seconds": true}\n',
        b'{"secret": null, "window_seconds": null, "absent": {"hats": 1}}\n',
        b'{"secret": null, "window_seconds": null, "absent": []}\n',
        b"",
    ],
)
def test_anything_but_a_first_line_is_refused(pipe: Pipe, line: bytes) -> None:
    pipe.write(line)
    pipe.close()
    with pytest.raises(NoParent, match="leave it out"):
        pipe.open()
    assert not pipe.exited.is_set()


def test_a_child_that_was_asked_to_wait_does_so_until_the_first_line(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than any parent may take that has asked for nothing."""
    limit, read = 1.0, os.read

    def read_and_wait(fd: int, count: int) -> bytes:
        said = read(fd, count)
        if said == WAIT:
            line = FirstLine(SECRET, 5.0).encode()
            threading.Timer(1.1 * limit, pipe.write, [line]).start()
        return said

    monkeypatch.setattr(os, "read", read_and_wait)
    pipe.write(WAIT)
    child = pipe.open(first_line_seconds=limit)
    assert (child.secret, child.window_seconds) == (SECRET, 5.0)
    assert child.waited_seconds > limit
    pipe.close()
    assert pipe.closed.wait(DEADLINE)


def test_a_child_that_was_asked_to_wait_in_vain_is_not_needed(pipe: Pipe) -> None:
    pipe.write(WAIT)
    pipe.close()
    with pytest.raises(NotNeeded):
        pipe.open()
    assert (pipe.calls, pipe.exited.is_set()) == (0, False)


def test_a_parent_that_says_nothing_is_not_waited_for(pipe: Pipe) -> None:
    with pytest.raises(NoParent):
        pipe.open(first_line_seconds=0.05)


CHILD = """
import os, sys, threading, time
from scoring.processes.parent_pipe import ParentPipe
told = threading.Event()
def asked():
    # Not by print: its lock, held in this thread, would abort the interpreter's end.
    os.write(1, b"asked\\n")
    told.set()
ParentPipe.open(asked, exit_seconds=float(sys.argv[1]))
print("up", flush=True)
while not (told.is_set() and sys.argv[2] == "heeds"):
    time.sleep(0.01)
"""


@pytest.mark.parametrize(
    ("exit_seconds", "behaviour", "code"), [("120", "heeds", 0), ("0.1", "hangs", HARD_EXIT_CODE)]
)
def test_a_real_child_ends_when_its_pipe_closes(
    exit_seconds: str, behaviour: str, code: int
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, exit_seconds, behaviour],
        cwd=CODE_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdin
        assert child.stdout
        child.stdin.write(FirstLine(SECRET, None).encode())
        child.stdin.flush()
        assert child.stdout.readline() == b"up\n"
        child.stdin.close()
        assert child.wait(DEADLINE) == code
        assert child.stdout.read() == b"asked\n"
