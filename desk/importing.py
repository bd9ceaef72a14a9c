"""``python -m desk import``: labels from a table become reviews.

Nothing is written over that its author has not seen: what stands must be the row that ``id`` names,
as an export has it, or nothing. A table with an error in any row changes nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from scoring.protocol.errors import BadRequest, ExitCode, UsageError
from scoring.protocol.names import check_person
from scoring.records.labels import Decision, Labels, PictureKey, Review, ReviewRefused
from scoring.records.ledger import Ledger
from scoring.records.ledger_beside import open_ledger
from scoring.records.spreadsheet import Table, read_table
from scoring.records.text import printable, read_cell
from scoring.records.typed_cells import ShownPictures, TypedCell
from scoring.settings import Settings

SUMMARY = "make reviews of a table's labels"
BATCH, IMAGE, CONTENT, LABEL = "batch", "image", "content hash", "label"
# What Results.csv calls it.
CORRECTED = "corrected item"
REVIEWER, ID = "reviewer", "id"
COLUMNS = (BATCH, IMAGE, CONTENT, LABEL, CORRECTED, REVIEWER, ID)
# An error in every row is one error, most times.
ERRORS_TOLD = 20
# Most of a Results.csv has no label, and needs none.
UNLABELLED_TOLD = 5


class Line(Struct, frozen=True):
    """A decision, and the line of the file that it stands on."""

    number: int
    decision: Decision


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("file", metavar="FILE", type=Path, help="CSV with batch, image, label")
    parser.add_argument(
        "--reviewer", default="import", metavar="NAME", help="of rows that name none"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be, write nothing")


def run(settings: Settings, arguments: argparse.Namespace) -> ExitCode:
    """Make reviews of a table's labels and tell what became of them.

    Returns PARTIAL where newer decisions were left as they are. Raises UsageError, and writes
    nothing, where the file is no such table or a row is wrong; LedgerError.
    """
    table = _read(arguments.file)
    with open_ledger(settings) as ledger:
        reading = _Reading(ledger, arguments.reviewer)
        lines = reading.lines(table)
        if reading.errors:
            raise UsageError(_all_errors(arguments.file, reading.errors))
        written = 0 if arguments.dry_run else _write(reading, lines)
    verb = "would become" if arguments.dry_run else "became"
    count = len(lines) if arguments.dry_run else written
    _say(f"{count} of {reading.rows} labels {verb} reviews, {reading.known} stood already")
    if reading.unlabelled:
        _say(_passed_over(reading.unlabelled))
    for conflict in reading.conflicts:
        _say(conflict)
    return ExitCode.PARTIAL if reading.conflicts else ExitCode.DONE


def _read(path: Path) -> Table:
    try:
        table = read_table(path.read_bytes(), COLUMNS)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    names = set(table.places) if table else set()
    if table is None or not {BATCH, IMAGE} <= names or not names & {LABEL, CORRECTED}:
        raise UsageError(
            f"{path} is no table with the columns {BATCH}, {IMAGE} and {LABEL} or {CORRECTED}"
        )
    return table


class _Reading:
    """A table that is looked at row by row: what it decides, and what is wrong in it."""

    def __init__(self, ledger: Ledger, reviewer: str) -> None:
        self.labels = Labels(ledger)
        self.errors: list[str] = []
        self.conflicts: list[str] = []
        self.unlabelled: list[int] = []
        self.rows = self.known = 0
        self._pictures = ShownPictures(ledger.database, ledger.results_batches())
        self._reviewer = reviewer
        self._lines: dict[PictureKey, int] = {}

    def lines(self, table: Table) -> list[Line]:
        """Return what is to be written."""
        found = []
        for number, row in zip(table.lines, table.rows, strict=True):
            cells = dict(zip(COLUMNS, map(read_cell, table.cells(row, COLUMNS)), strict=True))
            if not (cells[LABEL] or cells[CORRECTED]).strip():
                self.unlabelled.append(number)
                continue
            self.rows += 1
            try:
                found += [Line(number, decision) for decision in self._decisions(number, cells)]
            except (ReviewRefused, BadRequest) as error:
                self.errors.append(f"line {number}: {error}")
        return found

    def refuse(self, number: int, error: ReviewRefused) -> None:
        """Take down that a newer decision stands, and is left as it is."""
        self.conflicts.append(f"line {number}: {error}; it is left as it is")

    def _decisions(self, number: int, cells: dict[str, str]) -> Iterator[Decision]:
        """Yield the decision of a row; none where it stands, or a newer one does."""
        picture = self._picture(cells)
        told = cells[LABEL] or cells[CORRECTED]
        answer = self.labels.read(picture, told)
        if answer is None:
            labels = self.labels.labels_of(picture)
            raise ReviewRefused(f"{told!r} is none of the labels: {', '.join(labels)}")
        if picture in self._lines:
            raise ReviewRefused(f"the same image as on line {self._lines[picture]}")
        self._lines[picture] = number
        standing, seen = self.labels.current(picture), cells[ID].strip()
        if standing and standing.answer == answer:
            self.known += 1
        elif standing and str(standing.id) != seen:
            self.refuse(number, _newer(standing))
        else:
            # A name that the desk would not take would spoil its pages, or pass for another.
            reviewer = check_person(cells[REVIEWER].strip() or self._reviewer)
            expected = standing.id if standing else None
            yield Decision(picture, answer, reviewer, "import", expected)

    def _picture(self, cells: dict[str, str]) -> PictureKey:
        batch, image, content = cells[BATCH], cells[IMAGE], cells[CONTENT].strip()
        if content:
            return PictureKey(batch, image, content)
        picture = self._pictures.find(TypedCell(batch, image, "", ""))
        if picture is None:
            name = printable(f"{batch}/{image}")
            raise ReviewRefused(f"no run has scored {name}, or several contents of it; say which")
        return picture


def _newer(standing: Review) -> ReviewRefused:
    return ReviewRefused(f"{standing.reviewer} has decided: {standing.answer} (id {standing.id})")


def _write(reading: _Reading, lines: list[Line]) -> int:
    """Write the decisions; of those that somebody forestalled just now, their lines are told."""
    outcomes = reading.labels.add_all(line.decision for line in lines)
    refused = [
        (line, outcome)
        for line, outcome in zip(lines, outcomes, strict=True)
        if isinstance(outcome, ReviewRefused)
    ]
    for line, error in refused:
        reading.refuse(line.number, error)
    return len(lines) - len(refused)


def _all_errors(path: Path, errors: list[str]) -> str:
    more = len(errors) - ERRORS_TOLD
    told = [*errors[:ERRORS_TOLD], *([f"and {more} more"] if more > 0 else [])]
    return "\n  ".join([f"{path}: nothing was imported", *told])


def _passed_over(lines: list[int]) -> str:
    """Say that an empty cell takes nothing back: here it may as well be one that nobody filled."""
    told, more = ", ".join(map(str, lines[:UNLABELLED_TOLD])), len(lines) - UNLABELLED_TOLD
    which = f"lines {told}{f' and {more} more' if more > 0 else ''} have no label and change"
    return f"{which if len(lines) > 1 else f'line {told} has no label and changes'} nothing"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
