"""What was typed into Results.csv and is no answer is kept in a file beside it.

The ledger has it first, then the file, then the ledger notes that the file has it: a kill in
between loses nothing, and writes no line twice.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from scoring.protocol.file_names import as_utf8
from scoring.protocol.whole_file import read_whole
from scoring.records.atomic_file import atomic_text, copy_atomic, remove_leftovers
from scoring.records.database import Database
from scoring.records.shown_file import digest_of
from scoring.records.spreadsheet import read_table
from scoring.records.text import text_cell

COLUMNS = ("Time", "Batch", "Image", "Typed", "Why it is no review")
# One of a file that is still as somebody saved it counts once, however often it is looked at.
KEEP = (
    "INSERT OR IGNORE INTO kept_cells (file, batch, path, typed, why, kept_at)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
NOT_FILED = (
    "SELECT id, kept_at, batch, path, typed, why FROM kept_cells"
    " WHERE file = ? AND filed = 0 ORDER BY id"
)


class KeptCell(Struct, frozen=True):
    """A cell that made no review: whose row it was in, what was typed, and why."""

    batch: str
    path: str
    typed: str
    why: str


def keep(database: Database, results: Path, cells: Iterable[KeptCell], now: datetime) -> int:
    """Write cells of a results file down that are not written yet; return how many those were."""
    time = now.isoformat(timespec="milliseconds")
    with database.transaction() as connection:
        before = connection.total_changes
        rows = ((str(results), cell.batch, cell.path, cell.typed, cell.why) for cell in cells)
        connection.executemany(KEEP, ((*map(as_utf8, row), time) for row in rows))
        return connection.total_changes - before


def file_kept(database: Database, results: Path, separator: str) -> None:
    """Bring what the ledger has into the file beside; raises OSError, and nothing is lost then."""
    rows = database.query(NOT_FILED, (as_utf8(str(results)),))
    if not rows:
        return
    path = file_beside(results)
    remove_leftovers(path)
    old = _lines(path)
    new = [[text_cell(cell) for cell in row] for _, *row in rows]
    with atomic_text(path, encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerows([COLUMNS, *old, *(line for line in new if line not in old)])
    with database.transaction() as connection:
        connection.executemany(
            "UPDATE kept_cells SET filed = 1 WHERE id = ?", ((id_,) for id_, *_ in rows)
        )


def forget_filed(database: Database, results: Path) -> None:
    """Forget the cells that the file beside has: the results are written anew, without them."""
    with database.transaction() as connection:
        connection.execute(
            "DELETE FROM kept_cells WHERE file = ? AND filed = 1", (as_utf8(str(results)),)
        )


def file_beside(results: Path) -> Path:
    """Return where the cells of a results file are kept."""
    return results.with_name(f"{results.stem}-typed.csv")


def set_aside(path: Path) -> Path:
    """Copy a file that cannot be read beside itself, once for each content; return where to."""
    aside = path.with_name(f"{path.stem}-unread-{digest_of(path)[:8]}{path.suffix}")
    if not aside.exists():
        copy_atomic(path, aside)
    return aside


def _lines(path: Path) -> Sequence[list[str]]:
    """Return what the file has already, whatever saved it; what is no table goes aside."""
    try:
        data = read_whole(path)
    except FileNotFoundError:
        return []
    table = read_table(data, COLUMNS)
    if table is None:
        if data:
            set_aside(path)
        return []
    return [table.cells(row, COLUMNS) for row in table.rows]
