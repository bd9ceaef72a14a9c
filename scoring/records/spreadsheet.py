"""A CSV file as any spreadsheet program saved it: which characters, which separator, which columns.

Excel alone writes five kinds: with ``,`` or ``;`` in UTF-8 or the country's own code page, and
UTF-16 with tabs; LibreOffice asks for all of it, and for the quotes.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Protocol

from msgspec import Struct

# Likeliest first: of two that explain a header as well, the first is taken.
SEPARATORS = (",", ";", "\t", "|")
QUOTES = ('"', "'")
# Somebody may have put a title above the header; Excel itself is told ``sep=;`` there.
HEADER_WITHIN_ROWS = 20
HEAD_CHARACTERS = 65_536
# The longer mark first: that of UTF-32 begins like that of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What Excel calls ANSI in western Europe and America; it has a letter for every byte but five.
CODE_PAGE = "cp1252"


class Reader(Protocol):
    """The csv module's reader."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...
    def __next__(self) -> list[str]: ...


class Table(Struct, frozen=True):
    """The rows under a header, and where in them each of the known columns stands.

    ``lines``: on which line of the file each row ends.
    """

    places: dict[str, int]
    rows: list[list[str]]
    lines: list[int]

    def cells(self, row: Sequence[str], names: Sequence[str]) -> list[str]:
        """Return some cells of a row; "" for a column that is not there."""
        places = (self.places.get(name, len(row)) for name in names)
        return [row[place] if place < len(row) else "" for place in places]


def read_table(data: bytes, columns: Sequence[str]) -> Table | None:
    """Return what a file has of the known columns, in any order; None: it is no such table.

    Names of columns count in any case. A table that has none of them is none.
    """
    text = decode(data)
    best: tuple[int, str, str, int, dict[str, int]] | None = None
    for quote in QUOTES:
        for separator in SEPARATORS:
            for number, row in enumerate(_rows(text[:HEAD_CHARACTERS], separator, quote)):
                places = _places(row, columns)
                if places and (best is None or len(places) > best[0]):
                    best = len(places), separator, quote, number, places
    if best is None:
        return None
    _, separator, quote, header, places = best
    reader = _reader(text, separator, quote)
    rows, lines = [], []
    try:
        for row in islice(reader, header + 1, None):
            if any(row):
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error:  # a cell without an end: some other kind of file
        return None
    return Table(places, rows, lines)


def decode(data: bytes) -> str:
    """Return a file's text; what is no Unicode is read as western Europe's code page."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    # Every other byte of Latin letters in UTF-16 is a zero, and no other text has any.
    if b"\0" in data[:2]:
        return data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(CODE_PAGE, "replace")


def _rows(text: str, separator: str, quote: str) -> Iterator[list[str]]:
    """Yield the first rows, as far as they are rows."""
    rows = islice(_reader(text, separator, quote), HEADER_WITHIN_ROWS)
    while True:
        try:
            yield next(rows)
        except (StopIteration, csv.Error):
            return


def _reader(text: str, separator: str, quote: str) -> Reader:
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, quotechar=quote)


def _places(row: Sequence[str], columns: Sequence[str]) -> dict[str, int]:
    """Return where the known columns stand in a header; the first of two of one name."""
    found = {_plain(cell): place for place, cell in reversed(list(enumerate(row)))}
    return {name: found[_plain(name)] for name in columns if _plain(name) in found}


def _plain(name: str) -> str:
    return " ".join(name.replace("\ufeff", "").split()).casefold()
