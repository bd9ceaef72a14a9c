"""Small files of this software, read whole: settings, secrets, who holds a lock."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def what_stands_there(path: Path) -> str:
    """Return what is in a file's place that is none; "" for a file or nothing. Links are followed.

    The null device is a file without content: so a container hides one.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode) or os.path.samefile(path, os.devnull):
            return ""
    except OSError:
        return ""
    return "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"


def require_file(path: Path) -> None:
    """Raise OSError for what is there and no file: a pipe would be waited for, without end."""
    other = what_stands_there(path)
    if other:
        raise OSError(f"it is {other}, and no file")


def read_whole(path: Path) -> bytes:
    """Return the content of a file; raises OSError, also for what is none and might have no end."""
    require_file(path)
    return path.read_bytes()
