"""Folders that are called what somebody wrote, but for how its letters are made up.

``Ä`` is one character, or an A and two dots: they look the same, and file systems, archives and
keyboards do not agree on which it is.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from scoring.protocol.file_names import as_file_name
from scoring.records.text import printable


def composed(name: str) -> str:
    """Return a name with each letter and its marks as one character (NFC)."""
    return unicodedata.normalize("NFC", name)


def is_alike(one: str, other: str, *, cased: bool = True) -> bool:
    """Tell whether two names look the same; without ``cased`` D and d do, too."""
    return _key(one, cased) == _key(other, cased)


def folders_alike(home: Path, name: str, *, cased: bool = True) -> list[Path]:
    """Return the folders below ``home``, or at a whole path, that a name looks like."""
    path = Path(as_file_name(name))
    folders = [Path(path.anchor) if path.anchor else home]
    for part in path.parts[bool(path.anchor) :]:
        folders = [found for folder in folders for found in _inside(folder, part, cased)]
    return [] if folders == [home] else sorted(folders)


def as_listed(path: Path) -> Path:
    """Return a whole path by the names that the folders on its way list.

    Where a file system minds no capitals (exFAT, shares, a Mac's) a folder answers to other names
    as well. Where a folder cannot be listed, the name that was given stays.
    """
    listed = Path(path.anchor)
    for part in path.parts[1:]:
        listed /= _listed_name(listed, part)
    return listed


def _listed_name(folder: Path, part: str) -> str:
    """Return the one name that is listed and looks like ``part``, where that is not listed.

    Numbers of files would tell for certain, but file systems that mind no capitals often have none.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return part
    if part in names or not os.path.exists(folder / part):
        return part
    alike = [name for name in names if is_alike(name, part, cased=False)]
    return alike[0] if len(alike) == 1 else part


def _inside(folder: Path, part: str, cased: bool) -> Iterator[Path]:
    if part == "..":
        return
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        # A name is known as results and commands show it, too: a line break as \n.
        is_meant = is_alike(name, part, cased=cased) or printable(name) == part
        if is_meant and (folder / name).is_dir():
            yield folder / name


def _key(name: str, cased: bool) -> str:
    plain = composed(printable(name))
    return plain if cased else composed(plain.casefold())
