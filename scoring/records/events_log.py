"""Events-log.txt: what happened, one physical line an event.

``ISO-8601 time with offset, LEVEL, code, run, batch, message``
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from msgspec import Struct

from scoring.records.regular_file import open_regular, read_to_end
from scoring.records.text import on_one_line
from scoring.settings import Settings

Level = Literal["INFO", "WARNING", "ERROR"]
FILE_NAME = "Events-log.txt"


# Of the log's end so much is looked through for one run's events.
LOOKED_THROUGH_BYTES = 500_000


class Event(Struct, frozen=True):
    """One line of the log; ``batch`` and ``message`` are printable."""

    level: str
    code: str
    batch: str
    message: str


class EventsLog:
    """Append events; never fail because of it: where the file cannot be written, stderr is."""

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        keep_files: int,
        clock: Callable[[], datetime] | None = None,
        echo: bool = False,
    ) -> None:
        self.path = folder / FILE_NAME
        self._max_bytes = max_bytes
        self._keep_files = keep_files
        self._clock = clock or (lambda: datetime.now().astimezone())
        self._echo = echo
        self._lock = threading.Lock()

    @classmethod
    def from_settings(
        cls, settings: Settings, clock: Callable[[], datetime] | None = None, *, echo: bool = False
    ) -> Self:
        """Return the log of a project folder, by default on the clock of its zone."""
        records = settings.records
        return cls(
            settings.logs_folder, records.log_bytes, records.log_files, clock or settings.now, echo
        )

    def info(self, code: str, message: str, *, run: str = "", batch: str = "") -> None:
        self.write("INFO", code, message, run=run, batch=batch)

    def warning(self, code: str, message: str, *, run: str = "", batch: str = "") -> None:
        self.write("WARNING", code, message, run=run, batch=batch)

    def error(self, code: str, message: str, *, run: str = "", batch: str = "") -> None:
        self.write("ERROR", code, message, run=run, batch=batch)

    def of_run(self, run_id: str, most: int = 1000) -> list[Event]:
        """Return a run's warnings and errors, the latest ``most``; none where there is no log."""
        try:
            # A pipe would be waited for, and /dev/full or /dev/zero never ends.
            handle, status = open_regular(os.path.realpath(self.path))
        except OSError:
            return []
        try:
            os.lseek(handle, max(status.st_size - LOOKED_THROUGH_BYTES, 0), os.SEEK_SET)
            # What others write meanwhile is none of this run's.
            end = min(status.st_size, LOOKED_THROUGH_BYTES)
            text = read_to_end(handle, end, end).decode("utf-8", "replace")
        except OSError:
            return []
        finally:
            os.close(handle)
        parts = (line.split(", ", 5) for line in text.split("\n") if f", {run_id}, " in line)
        return [
            Event(level, code, batch.replace("\\x2c", ","), message)
            for _, level, code, run, batch, message in (part for part in parts if len(part) == 6)
            if run == run_id and level != "INFO"
        ][-most:]

    def write(
        self, level: Level, code: str, message: str, *, run: str = "", batch: str = ""
    ) -> None:
        """Append one line; with ``echo``, warnings and errors also go to stderr."""
        time = self._clock().isoformat(timespec="seconds")
        batch, message = on_one_line(batch), on_one_line(message)
        cell = batch.replace(",", "\\x2c")
        line = f"{time}, {level}, {code}, {run}, {cell}, {message}\n"
        written = self._append(line)
        if not written:
            _to_stderr(line)
        elif self._echo and level != "INFO":
            _to_stderr(f"{level}: {_of_batch(batch, message)}\n")

    def _append(self, line: str) -> bool:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # One write to a file opened for appending: lines of several processes never mix.
            # Two threads would set the same full log aside under the same name.
            with self._lock:
                path = Path(os.path.realpath(self.path))
                self._rotate(path)
                handle = _open_to_append(path)
                try:
                    _write_whole(handle, line.encode("utf-8"))
                finally:
                    os.close(handle)
        except OSError:
            return False
        return True

    def _rotate(self, path: Path) -> None:
        """Set a full log aside under a name of its own, so that two processes lose nothing."""
        try:
            status = path.stat()
            if status.st_size < self._max_bytes or not stat.S_ISREG(status.st_mode):
                return
        except FileNotFoundError:
            return
        stamp = f"{self._clock():%Y%m%d-%H%M%S-%f}-{os.getpid()}"
        with suppress(OSError):
            os.replace(path, path.with_name(f"Events-log.{stamp}.txt"))
        aside = sorted(path.parent.glob("Events-log.*.txt"), key=lambda file: file.name)
        for old in aside[: -self._keep_files]:
            with suppress(OSError):
                old.unlink()


def _open_to_append(path: Path) -> int:
    """Return a handle to append to a file; raises OSError for what is none.

    A pipe without a reader would hold the program until one comes, and nobody could stop it.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "is no file", str(path))
    return handle


def _write_whole(handle: int, line: bytes) -> None:
    """Write one line, whole or not at all; raises OSError.

    The system may take less than it was given, on a share or a disk that fills up: the rest goes
    after it. Where that fails what was written is taken away again, for part of a line would be
    taken for an event, and the next one would begin in its midst.
    """
    rest, end = memoryview(line), 0
    try:
        while rest:
            written = os.write(handle, rest)
            if not written:
                raise OSError(errno.EIO, "nothing is written")
            rest = rest[written:]
            end = os.lseek(handle, 0, os.SEEK_CUR)
    except OSError:
        begun = len(line) - len(rest)
        # Unless another process has written behind it: its line is not ours to take away.
        if begun and os.fstat(handle).st_size == end:
            os.ftruncate(handle, end - begun)
        raise


def _of_batch(batch: str, message: str) -> str:
    """Return a message with the batch it is of before it, where it does not begin with that."""
    if not batch or message.startswith((f"{batch}: ", f"{batch} has ")):
        return message
    return f"{batch}: {message}"


def _to_stderr(line: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(line)
        sys.stderr.flush()
