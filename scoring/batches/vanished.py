"""Batches that the night before had and this one has not: a share that is not mounted, mostly."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path

from scoring.protocol.file_names import as_file_name
from scoring.records.ledger import Ledger
from scoring.records.ledger_reader import LedgerReader

# The fact of the ledger that names the batches in which the latest night found images.
FACT = "batches_with_images"


def vanished_batches(
    ledger: Ledger, home: Path, images: Mapping[str, int], lost: Collection[str] = ()
) -> list[str]:
    """Return the batches that are gone since the night before, and write down what there is now.

    Each is told once: the ledger then has what this night found.
    """
    before = _batches_before(ledger)
    gone = missed_batches(ledger, home, images, lost)
    now = {name for name, count in images.items() if count} | (set(before) & set(lost))
    if sorted(now) != before:
        ledger.set_fact(FACT, json.dumps(sorted(now)))
    return gone


def missed_batches(
    ledger: LedgerReader, home: Path, images: Mapping[str, int], lost: Collection[str] = ()
) -> list[str]:
    """Return the batches whose folder is gone, or empty, since the night before.

    ``images`` are the batches that were listed with how many images they have; ``lost`` could not
    be, and are not gone for that.
    """
    return [
        name
        for name in _batches_before(ledger)
        if not images.get(name)
        and name not in lost
        and (name in images or not _is_there(home / as_file_name(name)))
    ]


def _batches_before(ledger: LedgerReader) -> list[str]:
    names: list[str] = json.loads(ledger.fact(FACT) or "[]")
    return names


def _is_there(folder: Path) -> bool:
    """A batch that nobody asked for tonight is none that has vanished."""
    try:
        return folder.is_dir()
    except OSError:
        return True
