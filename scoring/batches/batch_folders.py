"""Which folders are batches: one rule for the client that scores and the check that promises."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from msgspec import Struct, field

from scoring.batches.litter import HIDDEN, Litter
from scoring.settings import BatchesSettings

LINKS_ARE_LEFT_OUT = (
    "links to folders are no batches, name them in schedule.batches if they are to be scored"
)


class BatchFolders(Struct, frozen=True):
    """What lies in ``image_batches``, in no order.

    ``batches``: names of folders to score; ``links``: names of links that are not known to be
    files; ``litter``: folders that are left out, pattern → how many.
    """

    batches: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    litter: Counter[str] = field(default_factory=Counter)


def find_batch_folders(home: Path, rules: BatchesSettings) -> BatchFolders:
    """Look for batches in ``image_batches``.

    A batch is a folder of its own: no link, not hidden, no litter, not one of Python's
    (``__pycache__``). A link that leads nowhere, or where one may not look, is named: what it led
    to may be a share that is not mounted. Raises OSError where ``home`` cannot be read.
    """
    found, litter = BatchFolders(), Litter(rules.litter)
    with os.scandir(home) as entries:
        for entry in entries:
            pattern = litter.pattern_of(entry.name)
            if pattern is not None:
                if pattern != HIDDEN and entry.is_dir(follow_symlinks=False):
                    found.litter[pattern] += 1
            elif entry.name.startswith("__"):
                continue
            elif entry.is_symlink():
                if not _is_file(entry):
                    found.links.append(entry.name)
            elif entry.is_dir(follow_symlinks=False):
                found.batches.append(entry.name)
    found.links.sort()
    return found


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
