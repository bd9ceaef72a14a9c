"""What a child says, in a log that is set aside when it is full, also while the child is up.

The child has a pipe and no file: on Windows nobody can set aside a file that another process
holds open. A pipe that nobody reads would stop the child, so it is read whatever becomes of the
log: what cannot be written there is shown in the parent's own place, or dropped.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

from scoring.protocol.whole_file import what_stands_there

READ_BYTES = 65_536
TAIL_BYTES = 4_000
TAIL_LINES = 12
# What LiteRT and TensorFlow say at every start, in good order: no answer to "what went wrong?".
CHATTER = re.compile(r"^INFO: .*(TensorFlow Lite|XNNPACK|delegate)|absl::InitializeLog\(\)")
# The end of a pipe shows a moment after the child's; a grandchild may keep it open for ever.
END_SECONDS = 2.0


class ChildLog:
    """The output of one child after another in ``path``; full ones become ``path.1``, ``path.2``…

    No file grows past ``most_bytes``, and ``keep`` of them are kept beside it.
    """

    def __init__(self, path: Path, most_bytes: int, keep: int) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._keep = keep
        self._tail = b""
        self._has_told = False
        self._thread: threading.Thread | None = None

    def follow(self, output: IO[bytes]) -> None:
        """Read the child's output to its end, on a thread of its own."""
        self._thread = threading.Thread(
            target=self._pump, args=(output,), name=self._path.name, daemon=True
        )
        self._thread.start()

    def wait_for_end(self) -> None:
        """Of a child that has ended: return when all that it said is written down."""
        if self._thread:
            self._thread.join(END_SECONDS)

    def tail(self, ended: bool) -> str:
        """Return the last lines, joined to one; of a child that has ``ended`` truly the last."""
        if ended:
            self.wait_for_end()
        lines = map(str.strip, self._tail.decode("utf-8", "replace").splitlines())
        told = [line for line in lines if line and not CHATTER.search(line)]
        return " | ".join(told[-TAIL_LINES:])

    def _pump(self, output: IO[bytes]) -> None:
        with output:
            while said := output.read(min(READ_BYTES, self._most_bytes)):
                try:
                    self._write(said)
                except OSError as error:  # a full disk, no folder, no file
                    self._tell(error)
                    _show(said)
                # Last, so that whoever has seen a line finds it in the log as well.
                self._tail = (self._tail + said)[-TAIL_BYTES:]

    def _write(self, said: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if _size(self._path) + len(said) > self._most_bytes:
            self._set_aside()
        # Opened anew each time: whoever clears the logs away leaves no ghost that fills the disk.
        with open(self._path, "ab", buffering=0, opener=_without_waiting) as file:
            file.write(said)

    def _tell(self, error: OSError) -> None:
        """Say once why what it says is shown here."""
        if not self._has_told:
            self._has_told = True
            other = what_stands_there(self._path)
            why = f"it is {other}, and no file" if other else error.strerror or error
            _show(f"{self._path} cannot be written ({why}); it is shown here:\n".encode())

    def _set_aside(self) -> None:
        """Number the old logs from 1, the newest; drop the last."""
        for number in range(self._keep, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            newer = self._path
            if number > 1:
                newer = self._path.with_name(f"{self._path.name}.{number - 1}")
            # On Windows a log that somebody reads cannot be renamed: then it grows on.
            with suppress(OSError):
                os.replace(newer, older)


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe that nobody reads would hold the log, and with it the child."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


def _show(said: bytes) -> None:
    with suppress(OSError, ValueError, AttributeError):  # closed, or none at all
        sys.stderr.buffer.write(said)
        sys.stderr.flush()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
