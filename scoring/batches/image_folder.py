"""A batch is a folder of images: which of its files are candidates, and in what order."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

from msgspec import Struct

from scoring.batches.alike_folders import as_listed, folders_alike
from scoring.batches.batch_folders import BatchFolders, find_batch_folders
from scoring.batches.folder_listing import FolderListing
from scoring.batches.left_out import LeftOut
from scoring.batches.litter import Litter
from scoring.batches.patience import Pulse, within
from scoring.protocol.errors import BatchMissing, BatchUnreadable
from scoring.protocol.file_names import as_file_name
from scoring.records.text import printable
from scoring.settings import BatchesSettings

DIGITS = re.compile(rb"\d+")
# A number sorts by how many digits it has, then by the digits; this byte says how many, and
# keeps numbers where digits stand among other characters.
FEWEST_DIGITS = ord("0")
MOST_DIGITS = 200


class Batch(Struct, frozen=True):
    """A folder of images and the name it goes by in ledger and results."""

    name: str
    folder: Path


class ImageList(Sequence[str]):
    """The candidates of a batch in natural order, as relative paths with forward slashes.

    Holds the encoded names only, about 60 bytes each for short ones, so that a folder of a
    million images stays small.
    """

    def __init__(self, names: list[bytes], left_out: LeftOut) -> None:
        self._names = names
        self.left_out = left_out

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

    A name that none has may still look like that of one, in letters that are made up otherwise.
    Raises BatchMissing with one line that says where was looked.
    """
    inside, outside = batches_folder / as_file_name(argument), Path(as_file_name(argument))
    try:
        for folder in (inside, outside):
            is_home = folder is inside and not _is_below(folder.resolve(), batches_folder.resolve())
            if argument and not is_home and folder.is_dir():
                return Batch(batch_name(folder, batches_folder), folder)
        alike = folders_alike(batches_folder, argument)
        if len(alike) == 1:
            return Batch(batch_name(alike[0], batches_folder), alike[0])
        # Whoever gives a path means where he is, whoever gives a name the batches' folder.
        is_path = Path(argument).name != argument
        looked = dict.fromkeys([os.path.abspath(outside)] * is_path + [str(inside)])
        what = "it is a file" if outside.is_file() else f"there is no folder {' or '.join(looked)}"
    except OSError as error:
        what = f"{inside}: {error.strerror}"
    raise BatchMissing(f"no batch {printable(argument) or '(empty name)'}: {printable(what)}")


def expected_batches(names: Sequence[str], batches_folder: Path) -> list[Batch]:
    """Return the batches that a nightly run is to score, whether each of them is there or not.

    One that is missing must not cost the others: the run finds it unreadable. Raises BatchMissing
    where none is there.
    """
    batches, missing = [], []
    for name in names:
        try:
            batches.append(find_batch(name, batches_folder))
        except BatchMissing as error:
            missing.append(error)
            batches.append(Batch(printable(name), batches_folder / as_file_name(name)))
    if len(missing) == len(batches):
        raise missing[0]
    return batches


def _is_below(whole: Path, home: Path) -> bool:
    """``.`` and ``..`` are paths, no batches of ``image_batches``."""
    return whole.is_relative_to(home) and whole != home


def batch_name(folder: Path, batches_folder: Path) -> str:
    """Return the name under ``image_batches``, or the whole path of a folder elsewhere.

    As folders list it, however it was written: it is one batch, and not another one a spelling.
    """
    whole, home = as_listed(folder.resolve()), as_listed(batches_folder.resolve())
    if _is_below(whole, home):
        whole = whole.relative_to(home)
    return printable(whole.as_posix())


def all_batches(batches_folder: Path, rules: BatchesSettings) -> tuple[list[Batch], BatchFolders]:
    """Return every batch of ``image_batches`` in natural order, and what was found beside them.

    Raises BatchMissing where the folder cannot be read.
    """
    try:
        found = find_batch_folders(batches_folder, rules)
    except OSError as error:
        raise BatchMissing(f"cannot read {batches_folder}: {error.strerror}") from error
    names = sorted(found.batches, key=lambda name: natural_key(os.fsencode(name)))
    return [Batch(printable(name), batches_folder / name) for name in names], found


def list_images(folder: Path, rules: BatchesSettings) -> ImageList:
    """Return the candidates below a folder, with what was left out and why.

    Candidates are regular files that are images by their suffix or else by their content; hidden
    ones and litter are none. Raises BatchUnreadable where the folder itself cannot be read, or
    where nothing at all comes from it for ``rules.file_seconds``.
    """

    def collect(pulse: Pulse) -> FolderListing:
        listing = FolderListing(Litter(rules.litter), pulse.beat)
        listing.collect(os.fsencode(folder))
        return listing

    try:
        listing = within(rules.file_seconds, collect, f"listing {folder.name}")
    except OSError as error:
        raise BatchUnreadable(f"its folder cannot be read: {error.strerror or error}") from error
    names = listing.names
    # Sorted twice: names with equal keys (01 and 1) must not depend on the file system's order.
    names.sort()
    names.sort(key=natural_key)
    return ImageList(names, listing.left_out)


def natural_key(name: bytes) -> bytes:
    """Return a sort key in which 2 comes before 10; about as small as the name itself."""
    return DIGITS.sub(_by_value, name.lower())


def _by_value(match: re.Match[bytes]) -> bytes:
    digits = match[0].lstrip(b"0")
    return bytes([FEWEST_DIGITS + min(len(digits), MOST_DIGITS)]) + digits
