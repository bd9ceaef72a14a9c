"""A file that other programs save, read when nobody is in the middle of saving it."""

from __future__ import annotations

import hashlib
import stat
import time
from collections.abc import Callable, Collection
from functools import cached_property
from pathlib import Path

from msgspec import Struct

from scoring.records.atomic_file import behind_link

# A file that is being saved grows from look to look, and ends with a line when it is whole.
TRIES = 6
PAUSE_SECONDS = 1.0
LINE_ENDS = (b"\n", b"\r", b"\n\0", b"\r\0")

Identity = tuple[int, int, int]


class FileLook(Struct, frozen=True, dict=True):
    """A file's bytes, and what tells whether it is still the same one; None: there is no file."""

    identity: Identity | None = None
    data: bytes = b""

    @cached_property
    def digest(self) -> str:
        """The digest of the bytes: of a large file it takes a while."""
        return hashlib.sha256(self.data).hexdigest()


def look_at(
    path: Path, known: Collection[str] = (), sleep: Callable[[float], None] = time.sleep
) -> FileLook:
    """Return a file as it is when two looks agree, at once where its digest is known.

    One that goes on changing is returned as it is at the end of some tries. Raises OSError.
    """
    look = _look(path)
    for _ in range(TRIES):
        if look.identity is None or look.digest in known:
            break
        sleep(PAUSE_SECONDS)
        before, look = look, _look(path)
        if look == before and look.data.endswith(LINE_ENDS):
            break
    return look


def is_still(path: Path, look: FileLook) -> bool:
    """Tell whether a file is the one that was looked at; raises OSError."""
    return identity_of(path) == look.identity


def _look(path: Path) -> FileLook:
    identity = identity_of(path)
    try:
        return FileLook(identity, behind_link(path).read_bytes()) if identity else FileLook()
    except FileNotFoundError:
        return FileLook()


def identity_of(path: Path) -> Identity | None:
    """Return what changes with every save; None for what is no file. Raises OSError."""
    try:
        status = behind_link(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    is_file = stat.S_ISREG(status.st_mode)
    return (status.st_ino, status.st_size, status.st_mtime_ns) if is_file else None
