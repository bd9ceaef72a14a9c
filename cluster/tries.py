"""Partitions whose node ended suddenly in the middle: a picture may have ended it.

A note lies beside the partitions while one is being scored. Whoever finds it counts on; from the
second sudden end within a run each image of the partition is decoded by a process of its own
(``scoring.batches.suspects``). A new run forgets all notes: that somebody stopped the last one is
nobody's fault.
"""

from __future__ import annotations

from contextlib import suppress

from cluster.storage import Storage


class Tries:
    """Counts at how many sudden ends a partition was in hand."""

    def __init__(self, out: Storage) -> None:
        self._out = out

    def begin(self, file: str) -> int:
        """Note that a partition is begun; return at how many sudden ends it was in hand."""
        note, ended = note_of(file), 0
        with suppress(ValueError, OSError):
            ended = int(self._out.read(note))
        self._out.write(note, b"%d" % (ended + 1))
        return ended

    def end(self, file: str) -> None:
        """Forget a partition that came to its end."""
        self._out.remove(note_of(file))


def note_of(file: str) -> str:
    """Return the name of a partition's note; those who read the folder as a table pass over it."""
    return f"_begun-{file}.txt"


def is_note(name: str) -> bool:
    """Tell a note from whatever else lies in the folder."""
    return name.startswith("_begun-")
