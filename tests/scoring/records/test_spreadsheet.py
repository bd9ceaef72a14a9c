"""Tables as spreadsheet programs write them back."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.records.results_csv import COLUMNS
from scoring.records.spreadsheet import decode, read_table

WANTED = ("Batch", "Image", "Corrected item")
HEADER = [*COLUMNS[:9], "Corrected item"]
ROWS = [
    ["1", "G1", "größe; 1,5.png", "Bag", "0,53", "", "", "", "", "Coat"],
    ["2", "G1", 'so "named".png', "Bag", "99,00", "low, very", "", "", "", ""],
]


def as_csv(separator: str = ",", quoting: int = csv.QUOTE_MINIMAL, quote: str = '"') -> str:
    file = io.StringIO(newline="")
    # The csv module's own numbers for how much is quoted.
    writer = csv.writer(file, delimiter=separator, quotechar=quote, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([HEADER, *ROWS])
    return file.getvalue()


def found(data: bytes) -> list[list[str]]:
    table = read_table(data, WANTED)
    assert table is not None
    return [table.cells(row, WANTED) for row in table.rows]


EXPECTED = [["G1", "größe; 1,5.png", "Coat"], ["G1", 'so "named".png', ""]]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_every_form_is_read_alike(separator: str, quoting: int, encoding: str) -> None:
    assert found(as_csv(separator, quoting).encode(encoding)) == EXPECTED


def test_other_quotes_line_ends_and_what_stands_above_or_beside_the_header() -> None:
    plain = as_csv(";")
    forms = [
        as_csv(",", csv.QUOTE_ALL, "'"),
        plain.replace("\r\n", "\n"),
        plain.replace("\r\n", "\r"),
        f"sep=;\r\n{plain}",
        f"\r\nList of the week;;\r\n\r\n{plain}",
        plain.replace("\r\n", ";;;\r\n"),
    ]
    for form in forms:
        assert found(form.encode()) == EXPECTED, form


def test_columns_count_wherever_they_stand_and_those_that_are_gone_are_empty() -> None:
    text = "corrected  ITEM,Note,image\r\n Coat ,x,1.png\r\nshort\r\n,,\r\n"
    table = read_table(text.encode(), WANTED)
    assert table is not None
    assert set(table.places) == {"Image", "Corrected item"}
    assert [table.cells(row, WANTED) for row in table.rows] == [
        ["", "1.png", " Coat "], ["", "", "short"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [b"", b"\n\n", b"PK\x03\x04\x14\x00\x06\x00", b"%PDF-1.7\n%\xff\xfe", b"<html><td>Image</td>",
     b"\xff" * 500, b"\0" * 500, b"nothing,of,it\n1,2,3\n", b'Image,Batch\n"' + b"x" * 200_000],
)  # fmt: skip
def test_what_is_no_such_table_is_none(data: bytes) -> None:
    assert read_table(data, WANTED) is None


@given(st.binary(max_size=300))
def test_no_bytes_break_it(data: bytes) -> None:
    decode(data)
    read_table(data, WANTED)
    read_table(b"Batch;Image;Corrected item\n" + data, WANTED)
