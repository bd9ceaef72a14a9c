"""Regular files, opened without waiting and read to their very end."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

# What Windows says of a file whose content lies in a cloud: offline, recalled when it is opened,
# recalled when it is read (winnt.h).
PLACEHOLDER_ATTRIBUTES = 0x1000 | 0x40000 | 0x400000
LEAST_READ = 65_536
FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0)
FLAGS |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def open_regular(path: Path | str | bytes) -> tuple[int, os.stat_result]:
    """Open a file for reading without following a link or waiting on a pipe.

    Returns its handle and its status, which had to be asked for.

    Raises OSError for anything that is no regular file: the folder may have changed since it was
    listed.
    """
    try:
        handle = os.open(path, FLAGS)
    except OSError as error:
        if error.errno == errno.ELOOP:
            # The system's "Too many levels of symbolic links" is not what is wrong with one link.
            raise OSError(errno.ELOOP, "it is a link") from error
        raise
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise OSError("no regular file")
    return handle, status


def is_placeholder(status: os.stat_result) -> bool:
    """Tell whether the file's content lies elsewhere and would have to be fetched."""
    return bool(getattr(status, "st_file_attributes", 0) & PLACEHOLDER_ATTRIBUTES)


def read_to_end(
    handle: int, size: int, limit: int, beat: Callable[[], object] = lambda: None
) -> bytes:
    """Return a file's bytes, at most ``limit`` and one; ``size`` is what its status says.

    One read that gives less than it was asked for is not the end: network drives and file systems
    in user space give what they have. It is where all came that the status says, for a byte more
    was asked for; else only a read that gives nothing is. Raises OSError.
    """
    first = os.read(handle, min(size, limit) + 1)
    total = len(first)
    if total == size:
        return first
    parts = [first]
    while parts[-1] and total <= limit:
        beat()
        wanted = max(size + 1 - total, LEAST_READ)
        parts.append(os.read(handle, min(wanted, limit + 1 - total)))
        total += len(parts[-1])
    return b"".join(parts)
