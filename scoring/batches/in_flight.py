"""Which files are being read right now, so that whoever comes after a sudden end can tell.

A small file beside the ledger, mapped into memory: to note a file is to write a few bytes there,
without a call of the system. They outlive the process, however it ended.
"""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from pathlib import Path

from scoring.protocol.whole_file import read_whole, require_file

# A path of the system has 4,096 bytes at most; its printable form may be longer.
SLOT_BYTES = 8_192
LENGTH_BYTES = 4
SEPARATOR = b"\0"

# The name of a batch and the relative path of a file in it, as the ledger spells them.
BatchFile = tuple[str, str]


class InFlight:
    """One slot a reading thread; removed at any end of a run that is not sudden.

    Where the file cannot be written, or is not wanted (None), nothing outlives the process.
    """

    def __init__(self, path: Path | None, slots: int) -> None:
        self.slots = slots
        self._path = path
        size = slots * SLOT_BYTES
        if path is None:
            self._map = mmap.mmap(-1, size)
            return
        try:
            require_file(path)
            # Written, not only made long: a page without room on the disk could not be mapped.
            path.write_bytes(bytes(size))
            with path.open("r+b") as file:
                self._map = mmap.mmap(file.fileno(), size)
        except OSError:
            # A note of before that cannot be overwritten goes at the end: each run would take it
            # for its predecessor's, and strike the same files again.
            if not os.path.isfile(path):
                self._path = None
            self._map = mmap.mmap(-1, size)

    def close(self) -> None:
        """Note nothing any more: the run has come to an end of its own."""
        self._map.close()
        if self._path:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def note(self, slot: int, batch: bytes, path: str) -> None:
        """Note the file that a thread takes up; ``batch`` is the batch's name in UTF-8."""
        start = min(slot, self.slots - 1) * SLOT_BYTES
        text = (batch + SEPARATOR + path.encode())[: SLOT_BYTES - LENGTH_BYTES]
        begin = start + LENGTH_BYTES
        self._map[start:begin] = bytes(LENGTH_BYTES)
        self._map[begin : begin + len(text)] = text
        self._map[start:begin] = len(text).to_bytes(LENGTH_BYTES, "little")

    def clear(self, slot: int) -> None:
        """Note that a thread has no file in hand."""
        start = min(slot, self.slots - 1) * SLOT_BYTES
        self._map[start : start + LENGTH_BYTES] = bytes(LENGTH_BYTES)


def left_in_flight(path: Path) -> list[BatchFile]:
    """Return the files that were being read when a run ended suddenly; mostly none."""
    try:
        data = read_whole(path)
    except OSError:
        return []
    slots = (data[start : start + SLOT_BYTES] for start in range(0, len(data), SLOT_BYTES))
    return [file for file in map(_read_slot, slots) if file is not None]


def _read_slot(slot: bytes) -> BatchFile | None:
    length = int.from_bytes(slot[:LENGTH_BYTES], "little")
    batch, found, path = slot[LENGTH_BYTES : LENGTH_BYTES + length].partition(SEPARATOR)
    return (batch.decode(errors="replace"), path.decode(errors="replace")) if found else None
