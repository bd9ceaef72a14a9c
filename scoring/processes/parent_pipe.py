"""The child's end of ``--parent-pipe``: who started me, and is it still there?

Standard input is a pipe whose other end only the parent holds. The first line is JSON with the
session's secret and the window; a later line ``{"stop": "window"}`` says that the window is over.
Before all of them ``{"wait": true}`` may stand: what the first line tells is not known yet.
When the pipe closes, however the parent went, the child stops gracefully, and hard if it cannot.
This is portable, and has no race with a parent that dies early: what it wrote stays readable.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from scoring.protocol.errors import ExitCode, ScoringError
from scoring.protocol.identity import SessionSecret

FLAG = "--parent-pipe"
STDIN = 0
READ_BYTES = 4096
# The parent writes the first line right after the start; waiting longer means nobody will.
FIRST_LINE_SECONDS = 10.0
HARD_EXIT_CODE = 70

log = logging.getLogger("scoring.processes")


class NoParent(ScoringError):
    """``--parent-pipe`` was given, but nobody speaks on standard input."""

    code = "no-parent"


class NotNeeded(NoParent):
    """The parent had this child wait for the first line, and then had no work for it."""

    exit_code = ExitCode.DONE


class FirstLine(Struct, frozen=True):
    """What a parent tells its child at the start; the window is in seconds, None: no end.

    ``absent`` says of models, by name, why the session's server has them not.
    """

    secret: SessionSecret | None
    window_seconds: float | None
    absent: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the line: a JSON object and the end of line."""
        secret = self.secret.reveal() if self.secret else None
        document = {
            "secret": secret,
            "window_seconds": self.window_seconds,
            "absent": dict(self.absent),
        }
        return json.dumps(document).encode() + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> FirstLine:
        """Read the line; raises ValueError for anything else than this form."""
        document = json.loads(line)
        if not isinstance(document, dict):
            raise ValueError("not an object")
        secret, window = document.get("secret"), document.get("window_seconds")
        absent = document.get("absent", {})
        if not (secret is None or (isinstance(secret, str) and secret)):
            raise ValueError("secret is a string or null")
        if not (window is None or type(window) in (int, float)):
            raise ValueError("window_seconds is a number or null")
        if not isinstance(absent, dict) or not all(isinstance(why, str) for why in absent.values()):
            raise ValueError("absent is an object of strings")
        seconds = None if window is None else float(window)
        return cls(SessionSecret(secret) if secret else None, seconds, absent)


WAIT = b'{"wait": true}\n'
WINDOW_IS_OVER = b'{"stop": "window"}\n'


class ParentPipe:
    """What the parent says; make it with ``ParentPipe.open``."""

    def __init__(self, on_close: Callable[[], None], exit_seconds: float) -> None:
        self._first: FirstLine | None = None
        self._unneeded = False
        self.window_closed = False
        self.parent_gone = False
        self.waited_seconds = 0.0
        self._on_close = on_close
        self._exit_seconds = exit_seconds
        self._told = False
        self._spoken_to = threading.Event()
        self._first_line_read = threading.Event()
        self._hard_exit: Callable[[int], Any] = os._exit

    @classmethod
    def open(
        cls,
        on_close: Callable[[], None],
        *,
        exit_seconds: float,
        fd: int = STDIN,
        hard_exit: Callable[[int], Any] = os._exit,
        first_line_seconds: float = FIRST_LINE_SECONDS,
    ) -> ParentPipe:
        """Read the first line and go on reading in a daemon thread.

        ``on_close`` is called once, from that thread, when the window is over or the parent is
        gone; ``window_closed`` tells which. ``exit_seconds`` after the pipe closed the process
        ends hard if it is still there. Raises NoParent where no first line comes, NotNeeded where
        the pipe closed while it was waited for, as the parent had asked.
        """
        pipe = cls(on_close, exit_seconds)
        pipe._hard_exit = hard_exit
        opened = time.monotonic()
        threading.Thread(target=pipe._read, args=(fd,), name="parent-pipe", daemon=True).start()
        if pipe._spoken_to.wait(first_line_seconds):
            # Whoever was asked to wait does so until the parent speaks, or its end closes the pipe.
            pipe._first_line_read.wait()
        pipe.waited_seconds = time.monotonic() - opened
        if pipe._unneeded:
            raise NotNeeded("the parent had no work")
        if pipe._first is None:
            raise NoParent(f"{FLAG} is for children of this software; leave it out by hand")
        return pipe

    @property
    def secret(self) -> SessionSecret | None:
        """What this session's programs know each other by; None where there is none."""
        return self._first.secret if self._first else None

    @property
    def absent(self) -> Mapping[str, str]:
        """Why models are not with the session's server, by their names."""
        return self._first.absent if self._first else {}

    @property
    def window_seconds(self) -> float | None:
        """Seconds from the start until the window is over; None: it has no end."""
        return self._first.window_seconds if self._first else None

    def _read(self, fd: int) -> None:
        lines = _lines(fd)
        line = next(lines, b"")
        self._spoken_to.set()
        if line == WAIT:
            line = next(lines, b"")
            self._unneeded = not line
        self._first = _decode(line)
        self._first_line_read.set()
        if self._first is None:
            return
        for line in lines:
            if line == WINDOW_IS_OVER:
                self.window_closed = True
                self._tell()
        self.parent_gone = True
        self._tell()
        time.sleep(self._exit_seconds)
        self._hard_exit(HARD_EXIT_CODE)

    def _tell(self) -> None:
        if self._told:
            return
        self._told = True
        try:
            self._on_close()
        except Exception:
            # The hard exit below must come whatever the callback does.
            log.exception("stopping gracefully failed")


def _decode(line: bytes) -> FirstLine | None:
    try:
        return FirstLine.decode(line)
    except ValueError:
        return None


def _lines(fd: int) -> Iterator[bytes]:
    """Yield lines until the pipe closes.

    Not through sys.stdin: a daemon thread that blocks inside it aborts the interpreter's exit.
    """
    rest = b""
    while True:
        try:
            read = os.read(fd, READ_BYTES)
        except OSError:
            read = b""
        if not read:
            return
        *lines, rest = (rest + read).split(b"\n")
        yield from (line + b"\n" for line in lines)
