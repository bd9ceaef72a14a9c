"""Batches that the night before had and this one has not: a share that is not mounted, mostly."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path

from scoring.records.ledger import Ledger

# The fact of the ledger that names the batches in which the latest night found images.
FACT = "batches_with_images"


def vanished_batches(
    ledger: Ledger, home: Path, images: Mapping[str, int], lost: Collection[str] = ()
) -> list[str]:
    """Return the batches whose folder is gone, or empty, since the night before.

    Each is told once: the ledger then has what this night found. ``images`` are the batches that
    were listed with how many images they have; ``lost`` could not be, and are not gone for that.
    """
    text = ledger.fact(FACT) or "[]"
    before: list[str] = json.loads(text)
    found = {name for name, count in images.items() if count}
    gone = [
        name
        for name in before
        if name not in found and name not in lost and (name in images or not _is_there(home / name))
    ]
    now = json.dumps(sorted(found | (set(before) & set(lost))))
    if now != text:
        ledger.set_fact(FACT, now)
    return gone


def _is_there(folder: Path) -> bool:
    """A batch that nobody asked for tonight is none that has vanished."""
    try:
        return folder.is_dir()
    except OSError:
        return True
