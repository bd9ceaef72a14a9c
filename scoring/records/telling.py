"""What a program says on stdout and stderr never ends it.

A batch named in letters the terminal has not, a full disk under a log, a reader like ``head`` that
has left, a terminal that was closed: what cannot be written so is written with replacements, and
what cannot be written at all is dropped. The work is what counts.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from scoring.protocol.file_names import as_text

# Standard input, output and error: what the system opens for every program.
STANDARD_HANDLES = (0, 1, 2)


class _Lenient(io.RawIOBase):
    """The lowest layer under a text stream: takes everything, and passes on what it can."""

    def __init__(self, stream: TextIO) -> None:
        buffer = getattr(stream, "buffer", None)
        self._stream = stream
        # Unbuffered: what stayed in a buffer would fail once more when the interpreter ends.
        self._raw: Any = getattr(buffer, "raw", buffer)

    def write(self, data: Any) -> int:
        """Write all of ``data`` or as much as can be; return that it was all."""
        rest = memoryview(data).cast("B")
        with suppress(OSError, ValueError):
            if self._raw is None:  # a stream of text and nothing below it
                self._stream.write(bytes(rest).decode("utf-8", "replace"))
                return len(rest)
            while rest:
                # None: a pipe that is full, and was opened so that it does not wait.
                written = self._raw.write(rest) or 0
                if not written:
                    break
                rest = rest[written:]
        return len(data)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        with suppress(OSError, ValueError):
            return self._stream.isatty()
        return False

    def fileno(self) -> int:
        return self._stream.fileno()

    def close(self) -> None:
        """Leave the stream below open: it is the interpreter's."""


class LenientText(io.TextIOWrapper):
    """A text stream whose writing cannot fail; letters it cannot write become ``\\u8863``."""

    def __init__(self, stream: TextIO) -> None:
        lenient = _Lenient(stream)
        has_bytes = getattr(stream, "buffer", None) is not None
        super().__init__(
            lenient,  # type: ignore[arg-type]  # a raw stream will do: nothing is buffered
            encoding=stream.encoding if has_bytes else "utf-8",
            errors="backslashreplace",
            line_buffering=True,
        )

    def write(self, text: str) -> int:
        """Write a text; letters that only a file name's bytes are known of are letters again."""
        return super().write(as_text(text))


@contextmanager
def telling_never_fails() -> Iterator[None]:
    """Let stdout and stderr take whatever is written to them; around the main of every program.

    As a decorator, too. argparse, logging, tracebacks, warnings and progress bars all write there.
    """
    _open_standard_handles()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _lenient(sys.stdout, 1), _lenient(sys.stderr, 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _lenient(stream: TextIO | None, handle: int) -> TextIO:
    """Return a stream over ``stream``; where there is none (``>&-``), over its handle."""
    if isinstance(stream, LenientText):
        return stream
    if stream is None:
        stream = open(handle, "w", encoding="utf-8", closefd=False)
    with suppress(OSError, ValueError):
        stream.flush()
    return LenientText(stream)


def _open_standard_handles() -> None:
    """Let a standard handle that is closed lead nowhere.

    The next file that is opened, the ledger for one, would get its number otherwise, and whatever
    is said there, by a child or a library, would be written into it.
    """
    for handle in STANDARD_HANDLES:
        try:
            os.fstat(handle)
        except OSError:
            with suppress(OSError):
                # The lowest number that is free, which is this one.
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
