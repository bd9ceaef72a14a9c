"""Old file or new file, never a torn one."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


@contextmanager
def atomic_text(path: Path, encoding: str = "utf-8") -> Iterator[TextIO]:
    """Open a text file for writing that takes the place of ``path`` when the block ends.

    The text lies on the disk before the name changes hands. When the block raises, ``path`` is
    untouched and nothing is left beside it. Raises OSError (disk full, folder read-only, file
    held open by another program on Windows).
    """
    with replacing(path) as part, part.open("w", encoding=encoding, newline="") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def copy_atomic(source: Path, path: Path) -> None:
    """Copy a file so that ``path`` is whole at every instant; raises OSError."""
    with replacing(path) as part:
        shutil.copyfile(source, part)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the name of a part beside ``path``, to write; it takes its place when the block ends.

    When the block raises, ``path`` is untouched and the part is gone. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove_leftovers(path: Path) -> None:
    """Remove parts of ``path`` that a killed process left behind."""
    for part in path.parent.glob(f".{path.name}.*.part"):
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the new name itself last through a power cut; Windows has no such call."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
