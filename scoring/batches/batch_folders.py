"""Which folders are batches: one rule for the client that scores and the check that promises."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from msgspec import Struct, field

from scoring.batches.folder_listing import IMAGE_SUFFIXES
from scoring.batches.left_out import kind_by_name, told
from scoring.batches.litter import HIDDEN, Litter
from scoring.records.text import printable
from scoring.settings import BatchesSettings

LINKS_ARE_LEFT_OUT = (
    "links to folders are no batches, name them in schedule.batches if they are to be scored"
)
LOOSE_PICTURES = "pictures that lie beside the batches are in none, move them into a folder there"


class BatchFolders(Struct, frozen=True):
    """What lies in ``image_batches``, in no order.

    ``batches``: names of folders to score; ``links``: names of links that are not known to be
    files; ``litter``: folders that are left out, pattern → how many; ``pictures``: files that are
    images by their suffix, suffix → how many.
    """

    batches: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    litter: Counter[str] = field(default_factory=Counter)
    pictures: Counter[str] = field(default_factory=Counter)

    def warnings(self) -> list[str]:
        """Return in a line each what somebody may have meant to be scored, and is not."""
        lines = []
        if self.links:
            lines.append(f"{LINKS_ARE_LEFT_OUT}: {', '.join(map(printable, self.links))}")
        if self.pictures:
            lines.append(f"{LOOSE_PICTURES}: {told(self.pictures)}")
        return lines


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
            elif kind_by_name(entry.name) in IMAGE_SUFFIXES:
                found.pictures[kind_by_name(entry.name)] += 1
    found.links.sort()
    return found


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
