"""Tables of pixels: columns in any order, numbers in any spelling, nothing else."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.protocol.errors import InvalidPixels
from scoring.protocol.pixel_table import decode_table
from scoring.protocol.signature import ColumnNames, InputSpec

WIDTH = 12
SPEC = InputSpec((3, 4, 1), "uint8", ColumnNames("px", 1))
ROW = list(range(100, 100 + WIDTH))
NAMINGS: dict[str, list[Any]] = {
    "the signature's": SPEC.column_names(),
    "pixel1": [f"pixel{i}" for i in range(1, WIDTH + 1)],
    "pixel0": [f"pixel{i}" for i in range(WIDTH)],
    "0": list(range(WIDTH)),
    "'0'": [str(i) for i in range(WIDTH)],
    "1": list(range(1, WIDTH + 1)),
    "'1'": [str(i) for i in range(1, WIDTH + 1)],
}


def decode(columns: Any, rows: list[Any]) -> list[list[int]]:
    pixels: list[list[int]] = decode_table(rows, columns, SPEC, booleans=True).tolist()
    return pixels


@pytest.mark.parametrize("naming", NAMINGS)
@settings(derandomize=True, database=None, max_examples=30)
@given(order=st.permutations(range(WIDTH)))
def test_columns_in_any_order_are_put_in_the_models(naming: str, order: list[int]) -> None:
    columns = [NAMINGS[naming][place] for place in order]
    row = [ROW[place] for place in order]
    assert decode(columns, [row, row[::-1]])[0] == ROW


def test_columns_sorted_as_text() -> None:
    """What a program does that sorts names: 1, 10, 11, 12, 2, …"""
    named = dict(zip(NAMINGS["pixel1"], ROW, strict=True))
    columns = sorted(named)
    assert columns[1] == "pixel10"
    assert decode(columns, [[named[name] for name in columns]]) == [ROW]


def test_without_names_the_order_is_the_models() -> None:
    assert decode(None, [ROW]) == [ROW]


FOREIGN: dict[str, Any] = {
    "doubled": ["pixel1"] * WIDTH,
    "one doubled": [*range(WIDTH - 1), 0],
    "doubled as text": [*range(WIDTH - 1), "0"],
    "one foreign": ["label", *NAMINGS["pixel1"][1:]],
    "from 2": list(range(2, WIDTH + 2)),
    "two namings": [*NAMINGS["pixel0"][:6], *NAMINGS["0"][6:]],
    "from 0 and from 1": ["pixel0", *NAMINGS["pixel1"][1:]],
    "filled with zeros": [f"pixel{i:02}" for i in range(1, WIDTH + 1)],
    "capitals": [f"Pixel{i}" for i in range(1, WIDTH + 1)],
    "blanks": [f"pixel{i} " for i in range(1, WIDTH + 1)],
    "digits of another script": [f"pixel{'٠١٢٣٤٥٦٧٨٩'[i % 10]}" for i in range(WIDTH)],
    "floats": [float(i) for i in range(WIDTH)],
    "booleans": [False, True, *range(2, WIDTH)],
    "null": [None, *range(1, WIDTH)],
    "nested": [[i] for i in range(WIDTH)],
    "negative": [-i for i in range(WIDTH)],
    "huge": [2**64 - 1 - i for i in range(WIDTH)],
    "one long name": ["x" * 10**6, *range(1, WIDTH)],
    "too few": list(range(WIDTH - 1)),
    "too many": list(range(WIDTH + 1)),
    "none": [],
    "a label before them": ["label", *NAMINGS["pixel1"]],
    "text": "pixel1",
    "object": {"0": 0},
    "number": WIDTH,
}


@pytest.mark.parametrize("columns", FOREIGN.values(), ids=FOREIGN)
def test_doubled_and_foreign_names_are_refused(columns: Any) -> None:
    for rows in ([ROW], []):
        with pytest.raises(InvalidPixels) as caught:
            decode(columns, rows)
        assert len(caught.value.message) < 300


def test_numbers_may_be_written_as_floats() -> None:
    numbers = [0, 255, 255.0, -0.0, 1e2, 0.0, *ROW[6:]]
    assert decode(None, [numbers]) == [[0, 255, 255, 0, 100, 0, *ROW[6:]]]


NO_PIXELS: dict[str, Any] = {
    "text": "7",
    "long text": "a" * 600_000,
    "digits of another script": "٣",
    "null": None,
    "true": True,
    "false": False,
    "a list": [7],
    "an empty list": [],
    "an object": {"a": 1},
    "a half": 0.5,
    "just below": -1e-300,
    "just above": 255.00000000000003,
    "negative": -1,
    "256": 256,
    "huge": 2**64 - 1,
    "huge and negative": -(2**63),
    "not a number": float("nan"),
    "infinite": float("inf"),
}


@pytest.mark.parametrize("value", NO_PIXELS.values(), ids=NO_PIXELS)
@pytest.mark.parametrize("place", [0, WIDTH - 1])
def test_what_is_no_pixel_is_refused_by_its_place(value: Any, place: int) -> None:
    row: list[Any] = list(ROW)
    row[place] = value
    with pytest.raises(InvalidPixels, match="row 1") as caught:
        decode(None, [ROW, row])
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("row", [[], ROW[1:], [*ROW, 1], "a" * WIDTH, None, 7, {}, {"0": 1}])
def test_a_row_of_another_length_or_kind_is_refused(row: Any) -> None:
    with pytest.raises(InvalidPixels, match=f"row 1 is not a list of {WIDTH} pixels"):
        decode(None, [ROW, row])


@pytest.mark.parametrize(
    ("row", "told"), [("iVBORw0K", '"b64"'), ({"0": 1, "1": 2}, "of 2 entries")]
)
def test_what_many_programs_send_in_place_of_a_row_is_told(row: Any, told: str) -> None:
    """A picture in base64 alone, and JavaScript's typed arrays, which JSON makes objects of."""
    with pytest.raises(InvalidPixels, match=told):
        decode(None, [row])


def test_one_long_string_is_never_multiplied() -> None:
    """NumPy would make every cell as long as the longest: 784 × 40 MB."""
    rows: list[Any] = [["a" * 10**7, *ROW[1:]]] + [ROW] * 1000
    started = time.process_time()
    with pytest.raises(InvalidPixels):
        decode(None, rows)
    assert time.process_time() - started < 1.0


def test_a_table_that_pandas_wrote_is_read() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.array([ROW, ROW[::-1]], np.uint8), columns=SPEC.column_names())
    shuffled = frame[sorted(frame.columns)]
    split = orjson.loads(shuffled.to_json(orient="split"))
    assert decode(split["columns"], split["data"]) == [ROW, ROW[::-1]]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ([*SPEC.column_names()[:-1], "label"], "'label' is none of them"),
        (["label", *SPEC.column_names()], "there are 13 columns; .* 'label' is none of them"),
        ([*range(5), "5", "x" * 90, *range(6, 11)], f"'{'x' * 40}' is none of them"),
        (["pixel1", "Pixel2", *(f"pixel{i}" for i in range(3, 13))], "'Pixel2' is none of them"),
        (["a"] * WIDTH, "'a' is none of them"),
        (
            SPEC.column_names()[1:],
            "there are 11 columns; .* 'px1' is missing; name them px1 to px12",
        ),
        ([f"pixel{i}" for i in range(WIDTH - 1)], "'pixel11' is missing"),
        ([*range(5), *range(6, WIDTH)], "'5' is missing"),
        ([], "there are 0 columns"),
    ],
)
def test_a_wrong_set_of_columns_says_which_is_wrong(columns: list[Any], told: str) -> None:
    with pytest.raises(InvalidPixels, match=told):
        decode(columns, [ROW])
