"""Whose picture is it that a row of a results file is about, whatever the row went through?

Spreadsheets keep names as a rule. Those that write an old code page put ``?`` for a letter that it
has not, and somebody may have left out a column.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from scoring.records.database import Database
from scoring.records.reviews import PictureKey
from scoring.records.spreadsheet import Table
from scoring.records.text import read_cell

BATCH, IMAGE, NUMBER, CORRECTED = "Batch", "Image", "Num", "Corrected item"
COLUMNS = (BATCH, IMAGE, NUMBER, CORRECTED)
# Without either of them no row says whose it is.
NAMES = (BATCH, IMAGE)

SHOWN = """
SELECT i.path, coalesce(n.number, i.num), p.content_hash
FROM run_images i LEFT JOIN predictions p ON p.id = i.prediction_id
LEFT JOIN image_numbers n ON n.batch = i.batch AND n.path = i.path
WHERE i.run_id = ? AND i.batch = ?
"""
SCORED = "SELECT DISTINCT content_hash FROM predictions WHERE batch = ? AND path = ?"
DIGITS = re.compile(r"[0-9]+")
NOT_KEPT_BY_ALL = re.compile(r"[^!-~]|\?")

Key = tuple[str, ...]


class TypedCell(Struct, frozen=True):
    """A row as far as it matters; ``text`` is what stands in ``Corrected item``."""

    batch: str
    path: str
    number: str
    text: str


def typed_cells(table: Table) -> list[TypedCell]:
    """Return the rows of a results file."""
    found = []
    for row in table.rows:
        batch, path, number, text = table.cells(row, COLUMNS)
        digits = DIGITS.match(number.strip())
        found.append(
            TypedCell(read_cell(batch), read_cell(path), digits[0] if digits else "", text.strip())
        )
    return found


class ShownPictures:
    """The pictures of a file's rows; ``batches``: as which run each batch was shown."""

    def __init__(self, database: Database, batches: Mapping[str, str]) -> None:
        self._database = database
        self._batches = batches
        self._by_batch: dict[str, dict[str, _Shown]] = {}
        self._by_key: dict[Key, PictureKey | None] = {}

    def find(self, cell: TypedCell) -> PictureKey | None:
        """Return the picture; None where none, or more than one, may be meant."""
        if cell.batch in self._batches:
            shown = self._shown(cell.batch).get(cell.path)
            if shown:
                return shown.picture
        return self._scored(cell) or self._alike(cell)

    def _shown(self, batch: str) -> dict[str, _Shown]:
        """Return what a batch shows, by path."""
        if batch not in self._by_batch:
            rows = self._database.query(SHOWN, (self._batches[batch], batch))
            self._by_batch[batch] = {
                path: _Shown(str(number), PictureKey(batch, path, content) if content else None)
                for path, number, content in rows
            }
        return self._by_batch[batch]

    def _scored(self, cell: TypedCell) -> PictureKey | None:
        """Return a picture of an older file, where only one content was ever there."""
        hashes = [row[0] for row in self._database.query(SCORED, (cell.batch, cell.path))]
        if len(hashes) != 1 or not hashes[0]:
            return None
        return PictureKey(cell.batch, cell.path, hashes[0])

    def _alike(self, cell: TypedCell) -> PictureKey | None:
        """Return the picture of a row whose names lost letters, or one of its columns."""
        if not self._by_key:
            self._index()
        if cell.batch and cell.path:
            return self._by_key.get((_letters(cell.batch), _letters(cell.path), cell.number))
        return self._by_key.get((cell.batch, cell.path, "" if cell.path else cell.number))

    def _index(self) -> None:
        for batch in self._batches:
            for path, shown in self._shown(batch).items():
                for key in (
                    (_letters(batch), _letters(path), shown.number),
                    ("", path, ""),
                    (batch, "", shown.number),
                ):
                    # Two pictures of one key: it tells neither.
                    self._by_key[key] = None if key in self._by_key else shown.picture


class _Shown(Struct, frozen=True):
    """A row that was shown; no picture where none was scored yet, or it could not be read."""

    number: str
    picture: PictureKey | None


def _letters(name: str) -> str:
    """Return the letters that every code page keeps."""
    return NOT_KEPT_BY_ALL.sub("", name)
