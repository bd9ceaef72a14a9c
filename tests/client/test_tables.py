"""Tables that programs hold: columns in any order, numbers of any type, nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.tables import ROWS_AT_ONCE, array_pixels, frame_pixels, row_pixels
from scoring.protocol.errors import InvalidPixels
from scoring.protocol.signature import ColumnNames, InputSpec

SPEC = InputSpec((2, 3, 1), "uint8", ColumnNames("px", 1))
VALUES = np.array([[0, 1, 2, 3, 4, 255], [9, 8, 7, 6, 5, 0]])
NAMES = [f"px{number}" for number in range(1, 7)]


def frame(values: Any = VALUES, columns: Any = NAMES) -> pd.DataFrame:
    return pd.DataFrame(values, columns=columns)


@given(st.permutations(range(6)))
def test_columns_are_put_in_the_models_order(order: list[int]) -> None:
    assert np.array_equal(frame_pixels(frame().iloc[:, order], SPEC), VALUES)


@pytest.mark.parametrize(
    "columns",
    [
        range(6),
        range(1, 7),
        list("012345"),
        [f"pixel{i}" for i in range(6)],
        np.arange(6, dtype="u1"),
    ],
)
def test_columns_have_the_names_that_the_server_knows(columns: Any) -> None:
    assert np.array_equal(frame_pixels(frame(columns=columns), SPEC), VALUES)


@pytest.mark.parametrize(
    "dtype", ["uint8", "int16", "uint64", "float32", "float64", "Int64", "Float64", "object",
              "category", "Sparse[int]"]
)  # fmt: skip
def test_whole_numbers_are_taken_in_any_type(dtype: Any) -> None:
    pixels = frame_pixels(frame().astype(dtype), SPEC)
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, VALUES)
    mixed = frame().astype({"px2": dtype, "px5": "float32"})
    assert np.array_equal(frame_pixels(mixed, SPEC), VALUES)


@pytest.mark.parametrize("dtype", ["bool", "string", "complex", "datetime64[ns]"])
def test_what_is_no_number_is_refused_in_any_type(dtype: Any) -> None:
    with pytest.raises(InvalidPixels, match="row 0, column 'px1' holds "):
        frame_pixels(frame().astype(dtype), SPEC)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.5, r"1\.5"),
        (-1, "-1"),
        (256, "256"),
        (np.nan, "nan"),
        (np.inf, "inf"),
        (None, "None"),
        (pd.NA, "<NA>"),
        (True, "True"),
        ("7", "'7'"),
        ([7], r"\[7\]"),
        ("x" * 90, "'x{59};"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(value: object, shown: str) -> None:
    wrong: Any = frame().astype(object).set_axis(["shirt", "bag"])
    wrong.iat[1, 3] = value
    with pytest.raises(InvalidPixels, match=f"row 'bag', column 'px4' holds {shown}"):
        frame_pixels(wrong, SPEC)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_that_python_does_not_write_is_told_all_the_same(sign: int) -> None:
    wrong: Any = frame().astype(object)
    wrong.iat[0, 0] = sign * 10**5_000
    with pytest.raises(InvalidPixels, match="holds a number of many digits"):
        frame_pixels(wrong, SPEC)


def test_places_are_right_far_down() -> None:
    values = np.zeros((ROWS_AT_ONCE + 10, 6))
    values[ROWS_AT_ONCE + 3, 2] = 300
    with pytest.raises(InvalidPixels, match=rf"row {ROWS_AT_ONCE + 3}, column 'px3' holds 300\.0"):
        frame_pixels(frame(values), SPEC)
    values[ROWS_AT_ONCE + 3, 2] = 30
    assert np.array_equal(frame_pixels(frame(values), SPEC), values)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ([*NAMES[:-1], "label"], "'label' is none of them"),
        (["px1"] * 6, "the column px1 is there more than once"),
        ([1.0, *range(2, 7)], "neither a string nor a whole number"),
        (pd.MultiIndex.from_product([["a"], range(6)]), "neither a string nor a whole number"),
    ],
)
def test_wrong_columns_are_told_which(columns: Any, told: str) -> None:
    with pytest.raises(InvalidPixels, match=told):
        frame_pixels(frame(columns=columns), SPEC)


def test_too_many_columns_are_counted() -> None:
    with pytest.raises(InvalidPixels, match=r"there are 7 columns; .* 'label' is none of them"):
        frame_pixels(frame().assign(label="Bag"), SPEC)


def test_arrays_are_rows_of_the_models_length() -> None:
    assert np.array_equal(array_pixels(VALUES.astype(float), SPEC), VALUES)
    assert array_pixels(np.zeros((0, 6)), SPEC).shape == (0, 6)
    for wrong in (VALUES[:, :5], VALUES[0], VALUES.reshape(2, 3, 2)):
        with pytest.raises(InvalidPixels, match="put pictures into a list"):
            array_pixels(wrong, SPEC)
    with pytest.raises(InvalidPixels, match=r"row 1, column 0 holds 9\.5"):
        array_pixels(VALUES + np.array([[0], [0.5]]), SPEC)


def test_one_row_is_of_the_models_length() -> None:
    assert row_pixels(VALUES[1], 6).tolist() == VALUES[1].tolist()
    strided = np.repeat(VALUES[1].astype(np.uint8), 2)[::2]
    assert row_pixels(strided, 6).flags.c_contiguous
    with pytest.raises(InvalidPixels, match="has 6 pixels, this one 5"):
        row_pixels(VALUES[1][:5], 6)
