"""Which folders are batches: one rule for the client that scores and the check that promises."""

from __future__ import annotations

import os
from pathlib import Path

LINKS_ARE_LEFT_OUT = (
    "links to folders are no batches, name them in schedule.batches if they are to be scored"
)


def batch_folders(home: Path) -> list[str]:
    """Return the names of the batches in ``image_batches``, in no order.

    A batch is a folder of its own: no link, not hidden, not one of Python's (``__pycache__``).
    Raises OSError where ``home`` cannot be read.
    """
    with os.scandir(home) as entries:
        return [
            entry.name
            for entry in entries
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith((".", "__"))
        ]


def linked_folders(home: Path) -> list[str]:
    """Return the names of the links in ``image_batches`` that are not known to be files, sorted.

    A link that leads nowhere, or where one may not look, is one of them: what it led to may be a
    share that is not mounted. Raises OSError where ``home`` cannot be read.
    """
    with os.scandir(home) as entries:
        return sorted(
            entry.name
            for entry in entries
            if entry.is_symlink() and not _is_file(entry) and not entry.name.startswith((".", "__"))
        )


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
