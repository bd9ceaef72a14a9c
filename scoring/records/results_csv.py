"""Results.csv: what the refund desk opens in the morning."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Self

from msgspec import Struct

from scoring.protocol.percent import in_percent
from scoring.records.atomic_file import (
    Ready,
    Tell,
    atomic_text,
    go_on,
    remove_leftovers,
    tell_nobody,
)
from scoring.records.ledger import ResultRow
from scoring.records.text import neutral_cell, text_cell
from scoring.settings import Settings

COLUMNS = (
    *("Num", "Batch", "Image", "Item", "Confidence %", "Review", "Error"),
    *("Second item", "Second %", "Corrected item"),
)
NOT_SCORED_YET = "not scored yet; the next run will"
# Excel holds an open file against renaming on Windows; a save in progress ends within seconds.
REPLACE_TRIES = 5
REPLACE_PAUSE_SECONDS = 1.0

# One batch's name comes row after row.
_batch_cell = lru_cache(maxsize=64)(neutral_cell)


class CsvFormat(Struct, frozen=True):
    """How a spreadsheet of this country wants it: separator and decimal sign."""

    separator: str = ","
    decimal: str = "."

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return the form of every CSV file, as ``results`` in the settings has it."""
        return cls(settings.results.separator, settings.results.decimal)

    def number(self, value: float | None, digits: int) -> str:
        """Return a number with ``digits`` decimals, or nothing for None."""
        if value is None:
            return ""
        return f"{value:.{digits}f}".replace(".", self.decimal)

    def percent(self, share: float | None) -> str:
        """Return a share of 1 as percent with two decimals, or nothing for None."""
        return "" if share is None else in_percent(share, 2).replace(".", self.decimal)


def write_results(
    path: Path,
    rows: Callable[[], Iterable[ResultRow]],
    csv_format: CsvFormat,
    sleep: Callable[[float], None] = time.sleep,
    tell: Tell = tell_nobody,
    ready: Ready = go_on,
) -> Path:
    """Write Results.csv whole and put it in place at once; return where it went.

    A file that another program holds open (Excel on Windows) is tried again, then the results
    go beside it with the time in the name. Any other OSError leaves the old file intact. ``tell``
    hears of an owner that could not be kept, ``ready`` is asked before the file changes hands.
    """
    for attempt in range(REPLACE_TRIES):
        if attempt:
            sleep(REPLACE_PAUSE_SECONDS)
        try:
            replace_results(path, rows(), csv_format, tell, ready)
        except PermissionError:
            if not path.exists():
                raise
            continue
        return path
    return write_beside(path, rows(), csv_format)


def write_beside(path: Path, rows: Iterable[ResultRow], csv_format: CsvFormat) -> Path:
    """Write the results beside a file that is to stay, with the time in the name."""
    beside = path.with_stem(f"{path.stem}-{datetime.now():%Y%m%d-%H%M%S}")
    replace_results(beside, rows, csv_format)
    return beside


def replace_results(
    path: Path,
    rows: Iterable[ResultRow],
    csv_format: CsvFormat,
    tell: Tell = tell_nobody,
    ready: Ready = go_on,
) -> None:
    """Put Results.csv in place, or leave it as it is and raise OSError."""
    remove_leftovers(path)
    # The byte order mark tells Excel that this is UTF-8.
    with atomic_text(path, encoding="utf-8-sig", tell=tell, ready=ready) as file:
        writer = csv.writer(file, delimiter=csv_format.separator)
        writer.writerow(COLUMNS)
        writer.writerows(_cells(rows, csv_format))


def _cells(rows: Iterable[ResultRow], csv_format: CsvFormat) -> Iterator[tuple[object, ...]]:
    for row in rows:
        error = row.error
        if row.label is None and error is None:
            error = NOT_SCORED_YET
        yield (
            row.number,
            # Names are printable in the ledger already.
            _batch_cell(row.batch),
            neutral_cell(row.path),
            text_cell(row.label),
            csv_format.percent(row.confidence),
            text_cell(row.review),
            text_cell(error),
            text_cell(row.second_label),
            csv_format.percent(row.second_confidence),
            text_cell(row.corrected),
        )
