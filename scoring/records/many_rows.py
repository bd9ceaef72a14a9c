"""Many rows by one statement: Python's lock is given away once for all of them.

``executemany`` gives it away and takes it back for each row. While other threads read pictures,
that is a wait for each: 65 µs an image were 13.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple, TypeVar

Row = TypeVar("Row")

# SQLite makes a program of each length of a statement, and Python keeps the last 128 of them.
MOST_ROWS = 512


class ManyRows(NamedTuple):
    """A statement around rows of values: ``INSERT INTO t VALUES `` (?, ?), (?, ?) …"""

    before: str
    columns: int
    after: str = ""

    def write(self, connection: sqlite3.Connection, rows: Iterable[Sequence[Any]]) -> int:
        """Write rows of ``columns`` values each; return how many were written or changed."""
        mark = f"({', '.join('?' * self.columns)})"
        written = 0
        for some in _blocks(rows, self._most(connection)):
            marks = ", ".join([mark] * len(some))
            statement = f"{self.before}{marks}{self.after}"
            written += connection.execute(statement, [*chain.from_iterable(some)]).rowcount
        return written

    def _most(self, connection: sqlite3.Connection) -> int:
        """Return how many rows one statement may have; SQLite before 3.32 takes 999 values."""
        values = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        return min(MOST_ROWS, values // self.columns)


def _blocks(rows: Iterable[Row], most: int) -> Iterator[list[Row]]:
    """Yield all rows in blocks of powers of two: so few lengths that each is prepared once."""
    left = iter(rows)
    full = _power_of_two(most)
    while block := list(islice(left, full)):
        while block:
            size = _power_of_two(len(block))
            yield block[:size]
            block = block[size:]


def _power_of_two(most: int) -> int:
    return 1 << (most.bit_length() - 1)
