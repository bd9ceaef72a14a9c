"""A batch is a folder of images: which of its files are candidates, and in what order."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from scoring.batches.batch_folders import batch_folders, linked_folders
from scoring.protocol.errors import BatchMissing
from scoring.records.text import printable

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
DIGITS = re.compile(rb"\d+")
# A number sorts by how many digits it has, then by the digits; this byte says how many, and
# keeps numbers where digits stand among other characters.
FEWEST_DIGITS = ord("0")
MOST_DIGITS = 200


@dataclass(frozen=True)
class Batch:
    """A folder of images and the name it goes by in ledger and results."""

    name: str
    folder: Path


class ImageList(Sequence[str]):
    """The candidates of a batch in natural order, as relative paths with forward slashes.

    Holds the encoded names only, about 60 bytes each for short ones, so that a folder of a
    million images stays small.
    """

    def __init__(self, names: list[bytes], skipped: int) -> None:
        self._names = names
        self.skipped = skipped

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [os.fsdecode(name) for name in self._names[index]]
        return os.fsdecode(self._names[index])

    def printable_paths(self) -> Iterator[str]:
        """Yield the names as ledger and results spell them."""
        return (printable(os.fsdecode(name)) for name in self._names)


def find_batch(argument: str, batches_folder: Path) -> Batch:
    """Return the batch a command line names: a folder of ``image_batches``, or a path.

    Raises BatchMissing with one line that says where was looked.
    """
    inside = batches_folder / argument
    for folder in (inside, Path(argument)):
        is_home = folder is inside and not _is_below(folder, batches_folder)
        if argument and not is_home and folder.is_dir():
            return Batch(batch_name(folder, batches_folder), folder)
    what = "it is a file" if Path(argument).is_file() else f"there is no folder {inside}"
    raise BatchMissing(f"no batch {printable(argument) or '(empty name)'}: {printable(what)}")


def _is_below(folder: Path, home: Path) -> bool:
    """``.`` and ``..`` are paths, no batches of ``image_batches``."""
    whole, home = folder.resolve(), home.resolve()
    return whole.is_relative_to(home) and whole != home


def batch_name(folder: Path, batches_folder: Path) -> str:
    """Return the name under ``image_batches``, or the whole path of a folder elsewhere."""
    whole = folder.resolve()
    if _is_below(folder, batches_folder):
        whole = whole.relative_to(batches_folder.resolve())
    return printable(whole.as_posix())


def all_batches(batches_folder: Path) -> list[Batch]:
    """Return every batch of ``image_batches`` in natural order; raises BatchMissing without it."""
    try:
        names = batch_folders(batches_folder)
    except OSError as error:
        raise BatchMissing(f"cannot read {batches_folder}: {error.strerror}") from error
    names.sort(key=lambda name: natural_key(os.fsencode(name)))
    return [Batch(printable(name), batches_folder / name) for name in names]


def linked_batches(batches_folder: Path) -> list[str]:
    """Return the names of the links that ``all_batches`` leaves out."""
    try:
        return [printable(name) for name in linked_folders(batches_folder)]
    except OSError as error:
        raise BatchMissing(f"cannot read {batches_folder}: {error.strerror}") from error


def list_images(folder: Path) -> ImageList:
    """Return the candidates below a folder.

    Candidates are regular files with an image suffix; hidden ones are left out, all others
    (links, pipes, other suffixes) are counted as skipped. Raises BatchMissing where the folder
    itself cannot be read.
    """
    names: list[bytes] = []
    skipped = _collect(os.fsencode(folder), b"", names, top=True)
    # Sorted twice: names with equal keys (01 and 1) must not depend on the file system's order.
    names.sort()
    names.sort(key=natural_key)
    return ImageList(names, skipped)


def natural_key(name: bytes) -> bytes:
    """Return a sort key in which 2 comes before 10; about as small as the name itself."""
    return DIGITS.sub(_by_value, name.lower())


def _by_value(match: re.Match[bytes]) -> bytes:
    digits = match[0].lstrip(b"0")
    return bytes([FEWEST_DIGITS + min(len(digits), MOST_DIGITS)]) + digits


def _collect(folder: bytes, prefix: bytes, names: list[bytes], *, top: bool = False) -> int:
    skipped = 0
    try:
        entries = os.scandir(folder)
    except OSError as error:
        if top:
            raise BatchMissing(f"cannot read {os.fsdecode(folder)}: {error.strerror}") from error
        return 1
    with entries:
        for entry in entries:
            if entry.name.startswith(b"."):
                continue
            if entry.is_dir(follow_symlinks=False):
                skipped += _collect(entry.path, prefix + entry.name + b"/", names)
            elif _is_candidate(entry):
                names.append(prefix + entry.name)
            else:
                skipped += 1
    return skipped


def _is_candidate(entry: os.DirEntry[bytes]) -> bool:
    suffix = os.path.splitext(os.fsdecode(entry.name))[1].lower()
    return suffix in IMAGE_SUFFIXES and entry.is_file(follow_symlinks=False)


def open_regular(path: Path | str) -> int:
    """Open a file for reading without following a link or waiting on a pipe; return its handle.

    Raises OSError for anything that is no regular file: the folder may have changed since it was
    listed.
    """
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError("no regular file")
    return handle
