"""Folders deeper than Python recurses, or than a path of the system reaches; Linux."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def deep_folder(top: Path, name: str, levels: int, data: bytes) -> Iterator[str]:
    """Make ``levels`` folders called ``name`` within each other, and a picture in the last one.

    Yields the picture's relative path. What was made is removed by the system's own command:
    Python's would recurse.
    """
    top.mkdir(parents=True, exist_ok=True)
    above = os.open(top, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=above)
        below = os.open(name, os.O_RDONLY, dir_fd=above)
        os.close(above)
        above = below
    with open(os.open("whole.jpg", os.O_WRONLY | os.O_CREAT, dir_fd=above), "wb") as picture:
        picture.write(data)
    os.close(above)
    try:
        yield f"{name}/" * levels + "whole.jpg"
    finally:
        subprocess.run(["rm", "-rf", str(top / name)], check=True)
