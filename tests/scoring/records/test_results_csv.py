from __future__ import annotations

import csv
import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.records import results_csv
from scoring.records.ledger import ResultRow
from scoring.records.results_csv import COLUMNS, CsvFormat, write_results
from scoring.records.text import is_formula, is_rewritten, printable, read_cell

REASONS = "low confidence; not a garment?"
ROWS = [
    ResultRow(1, "G1", "1.png", "T-shirt/Top", 0.98765, None, None, "Shirt", 0.01, "Coat"),
    ResultRow(7, "G1", "=cmd().png", "Bag", 0.5, REASONS, None),
    ResultRow(3, "G1", "3.png", None, None, None, "truncated,\nfile"),
    ResultRow(4, "G1", "4.png", None, None, None, None),
]


def read(path: Path, separator: str = ",") -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=separator))


def test_results_are_what_a_spreadsheet_expects(tmp_path: Path) -> None:
    path = write_results(tmp_path / "Results.csv", lambda: ROWS, CsvFormat())
    assert path.read_bytes().startswith(b"\xef\xbb\xbfNum,")
    assert read(path) == [
        list(COLUMNS),
        ["1", "G1", "1.png", "T-shirt/Top", "98.77", "", "", "Shirt", "1.00", "Coat"],
        [
            "7",
            "G1",
            "'=cmd().png",
            "Bag",
            "50.00",
            "low confidence; not a garment?",
            "",
            "",
            "",
            "",
        ],
        ["3", "G1", "3.png", "", "", "", "truncated,\\nfile", "", "", ""],
        ["4", "G1", "4.png", "", "", "", "not scored yet; the next run will", "", "", ""],
    ]


def test_separator_and_decimal_sign_of_another_country(tmp_path: Path) -> None:
    path = write_results(tmp_path / "Results.csv", lambda: ROWS, CsvFormat(";", ","))
    assert read(path, ";")[1][4] == "98,77"


def test_a_file_open_in_excel_is_tried_again_then_the_results_go_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "Results.csv"
    path.write_text("old")
    replace = os.replace

    def held_open(source: Path, target: Path) -> None:
        if Path(target) == path:
            raise PermissionError(errno.EACCES, "used by another process")
        replace(source, target)

    monkeypatch.setattr(os, "replace", held_open)
    pauses: list[float] = []
    written = write_results(path, lambda: ROWS, CsvFormat(), sleep=pauses.append)
    assert len(pauses) == results_csv.REPLACE_TRIES - 1
    assert path.read_text() == "old"
    assert written.name.startswith("Results-20")
    assert len(read(written)) == 5


# Everything a file name may hold: any character, and bytes that are no UTF-8.
names = st.text(
    st.characters(codec=None, exclude_categories=())
    | st.sampled_from("=+-@\t\r\n,;\"'\\/\u2028\u202e\udcff\ufeff\x00\x1b")
)


@settings(deadline=None)  # each example waits for the disk
@given(
    rows=st.lists(st.tuples(names, names, names, st.none() | names), max_size=8),
    csv_format=st.sampled_from([CsvFormat(), CsvFormat(";", ","), CsvFormat("\t", ",")]),
)
def test_hostile_names_stay_one_harmless_cell_each(
    rows: list[tuple[str, str, str, str | None]],
    csv_format: CsvFormat,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Whoever wrote it, what is written comes back cell by cell; names are printable already."""
    results = [
        ResultRow(
            num, printable(batch), printable(path), None if error else told,
            None if error else 0.5, told, error, told, None if error else 0.25, told,
        )
        for num, (batch, path, told, error) in enumerate(rows, start=1)
    ]  # fmt: skip
    folder = tmp_path_factory.getbasetemp()
    path = write_results(folder / "Results.csv", lambda: results, csv_format)
    header, *cells = read(path, csv_format.separator)
    assert header == list(COLUMNS)
    assert [(read_cell(row[1]), read_cell(row[2])) for row in cells] == [
        (row.batch, row.path) for row in results
    ]
    for row, (_, _, told, error) in zip(cells, rows, strict=True):
        for cell in (row[5], row[7], row[9], *([] if error else [row[3]])):
            assert read_cell(cell) == printable(told)
        if error:
            assert read_cell(row[6]) == printable(error)
    physical_lines = path.read_bytes().decode("utf-8-sig").splitlines()
    assert len(physical_lines) == len(rows) + 1
    texts = [cell for row in cells for cell in (*row[1:4], *row[5:8], row[9])]
    assert [cell for cell in texts if is_formula(cell) or is_rewritten(cell)] == []


@given(names, names)
def test_two_names_never_become_one(one: str, other: str) -> None:
    assert (printable(one) == printable(other)) == (one == other)
