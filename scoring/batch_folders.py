"""Which folders are batches: one rule for the client that scores and the check that promises."""

from __future__ import annotations

import os
from pathlib import Path


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
