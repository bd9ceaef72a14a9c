"""Tables as people write them: by hand, by Excel, on Windows."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

from fashion_model.dataset.description import DataError

SEPARATORS = ",;\t"
# What Excel is told, and tells, in a line above the header.
SEPARATOR_LINE = "sep="


class Table:
    """The ``rows`` of a CSV below its header; ``columns``: where each stands, in small letters.

    In UTF-8, or UTF-16 as its mark says; cells are parted by comma, semicolon or tab.
    """

    def __init__(self, path: Path) -> None:
        """Read the table in ``path``; raises DataError where there is none."""
        self._path = path
        text = _text(path)
        first, _, rest = text.partition("\n")
        separator = max(SEPARATORS, key=first.count)
        if first.strip().lower().startswith(SEPARATOR_LINE):
            separator, text = first.strip()[len(SEPARATOR_LINE) :] or "\t", rest
        try:
            lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
            self.rows = [row for row in lines if any(row)]
        except (csv.Error, TypeError) as error:
            raise DataError(f"{path}: {error}") from error
        header = self.rows.pop(0) if self.rows else []
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(header):
                raise DataError(f"{path}: row {number} has {len(row)} cells, not {len(header)}")
        self.columns = {name.strip().lower(): place for place, name in enumerate(header)}

    def column(self, *names: str) -> int:
        """Return where the first of these columns stands; raises DataError without any."""
        for name in names:
            if name in self.columns:
                return self.columns[name]
        raise DataError(f"{self._path}: its first row names no column {' or '.join(names)}")


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode("utf-16" if marked else "utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a table in UTF-8: {error}") from error
