"""A listing → partitions: what one node scores in one go, and what is not scored again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass

# Images of a partition: some seconds of garments, a minute or two of photographs. What a killed
# node had in hand is scored again, and each partition is one file.
PARTITION_ROWS = 4_096
SUFFIX = ".parquet"
DIGEST_LETTERS = 16

# What a file was when it was listed, as text: a file that has changed since has another.
Stamp = Callable[[str], str]


@dataclass(frozen=True)
class Partition:
    """Images that follow one another in the listing; ``first`` is the number of the first.

    ``names`` are encoded and joined by NUL, which no name has: thousands travel as one value.
    ``file`` names what becomes of them; it changes with any of their places, names or stamps.
    """

    index: int
    first: int
    names: bytes
    file: str

    def paths(self) -> list[str]:
        """Return the relative paths in order."""
        return [os.fsdecode(name) for name in self.names.split(b"\0")]


def partitions_of(paths: Sequence[str], stamp: Stamp, rows: int) -> Iterator[Partition]:
    """Cut a listing into partitions of ``rows`` images; the same listing gives the same ones."""
    for index, start in enumerate(range(0, len(paths), rows)):
        part = paths[start : start + rows]
        names = b"\0".join(map(os.fsencode, part))
        first = start + 1
        yield Partition(index, first, names, _file_name(index, first, names, map(stamp, part)))


def still_to_score(partitions: Sequence[Partition], there: Set[str]) -> list[Partition]:
    """Return the partitions whose file is not there yet."""
    return [partition for partition in partitions if partition.file not in there]


def out_of_date(partitions: Sequence[Partition], there: Set[str]) -> list[str]:
    """Return the partition files of a listing that has changed since, in order."""
    wanted = {partition.file for partition in partitions}
    return sorted(name for name in there if is_partition(name) and name not in wanted)


def is_partition(name: str) -> bool:
    """Tell a partition's file from whatever else lies beside it."""
    return name.startswith("part-") and name.endswith(SUFFIX)


def _file_name(index: int, first: int, names: bytes, stamps: Iterator[str]) -> str:
    digest = hashlib.sha256(b"%d\0" % first + names)
    for stamp in stamps:
        digest.update(b"\0" + stamp.encode())
    return f"part-{index:06d}-{digest.hexdigest()[:DIGEST_LETTERS]}{SUFFIX}"
