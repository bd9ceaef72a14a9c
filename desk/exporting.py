"""``python -m desk export``: what people said of pictures, as CSV."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from scoring.protocol.errors import ExitCode, ScoringError, UsageError
from scoring.records.atomic_file import atomic_text
from scoring.records.labels import Labels, Review
from scoring.records.ledger_beside import open_ledger
from scoring.records.results_csv import CsvFormat
from scoring.records.text import text_cell
from scoring.settings import Settings

SUMMARY = "write what people said as CSV"
STANDARD_OUTPUT = Path("-")
COLUMNS = (
    *("batch", "image", "content hash", "label", "reviewer", "source", "decided at", "seconds"),
    *("blind", "note", "predicted", "confidence %", "review", "model", "model version", "run"),
    *("id", "replaces"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        type=Path,
        default=STANDARD_OUTPUT,
        help="where the reviews go (default: -, standard output)",
    )
    parser.add_argument(
        "--all", action="store_true", help="every row, replaced and undone ones too"
    )


def run(settings: Settings, arguments: argparse.Namespace) -> ExitCode:
    """Write what stands, or with ``all`` every row there ever was.

    Raises UsageError where there can be no such file, ScoringError where it cannot be written,
    LedgerError.
    """
    if not arguments.file.parent.is_dir():
        raise UsageError(f"{arguments.file}: there is no folder {arguments.file.parent}")
    if arguments.file.is_dir():
        raise UsageError(f"{arguments.file} is a folder; name a file in it")
    with open_ledger(settings) as ledger:
        labels = Labels(ledger)
        reviews = labels.since(0) if arguments.all else labels.all_current()
        try:
            with _opened(arguments.file) as file:
                _write(file, reviews, CsvFormat.from_settings(settings))
        except OSError as error:
            where = "the standard output" if arguments.file == STANDARD_OUTPUT else arguments.file
            raise ScoringError(f"{where} cannot be written: {error.strerror or error}") from error
    return ExitCode.DONE


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """Open a file that is whole or not there; ``-`` is the standard output."""
    if path == STANDARD_OUTPUT:
        if sys.__stdout__ is None:
            raise OSError("it is closed")
        # Not sys.stdout, which takes everything and tells nobody, in letters of the terminal's.
        with open(1, "w", encoding="utf-8", newline="", closefd=False) as file:
            yield file
        return
    with atomic_text(path, encoding="utf-8-sig") as file:
        yield file


def _write(file: TextIO, reviews: Iterable[Review], form: CsvFormat) -> None:
    writer = csv.writer(file, delimiter=form.separator)
    writer.writerow(COLUMNS)
    writer.writerows(_cells(review, form) for review in reviews)


def _cells(review: Review, form: CsvFormat) -> tuple[object, ...]:
    picture, said = review.picture, review.said
    return (
        *(text_cell(picture.batch), text_cell(picture.path), text_cell(picture.content_hash)),
        *(text_cell(str(review.answer)), text_cell(review.reviewer), review.source),
        *(review.decided_at, form.number(review.seconds, 2), "yes" if review.blind else "no"),
        *(text_cell(review.note), text_cell(said.predicted), form.percent(said.confidence)),
        *(text_cell(said.flagged), text_cell(said.model_name), text_cell(said.model_version)),
        *(said.run_id, review.id, review.replaces or ""),
    )
