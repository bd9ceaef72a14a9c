"""Comma-separated values as pandas writes them, and what is none."""

from __future__ import annotations

import io
import re
from contextlib import suppress
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.protocol.errors import ApiError, BadRequest, InvalidPixels, TooLarge, UnsupportedMedia
from tests.server.dialects.test_own import PIXELS
from tests.server.dialects.test_tensor_forms import FRAME, SHUFFLED, decode


def csv_of(frame: pd.DataFrame, **options: Any) -> str:
    stream = io.StringIO()
    frame.to_csv(stream, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (csv_of(FRAME, index=False), [0, 1]),
        (csv_of(SHUFFLED, index=False), [0, 1]),
        (csv_of(FRAME), [0, 1]),
        (csv_of(FRAME.set_axis(["a.png", 7])), ["a.png", 7]),
        (csv_of(FRAME.set_axis(["a, b\n.png", "007"])), ["a, b\n.png", "007"]),
        (csv_of(FRAME.set_axis(["a", "b"]), index_label="Unnamed: 0"), ["a", "b"]),
        (csv_of(FRAME.set_axis(["a", 7]), index_label="id"), ["a", 7]),
        (csv_of(FRAME.set_axis([5, 7]), index_label="label"), [5, 7]),
        (csv_of(SHUFFLED.set_axis(["", "b"]), index_label="pixels of"), ["", "b"]),
        (csv_of(FRAME, index=False).replace("\n", "\n\n"), [0, 1]),
        ("\n  \r\n" + csv_of(FRAME, index=False).replace("\n", "\n \n\r\n"), [0, 1]),
        (csv_of(FRAME.astype(float), index=False), [0, 1]),
        (csv_of(FRAME.set_axis(range(4), axis=1), index=False), [0, 1]),
        (csv_of(FRAME, index=False, quoting=1), [0, 1]),
        (csv_of(FRAME, index=False, lineterminator="\r\n"), [0, 1]),
        (csv_of(FRAME, index=False).replace("\n", "\r"), [0, 1]),
        ("\ufeff" + csv_of(FRAME, index=False) + "\n\n", [0, 1]),
        (csv_of(FRAME, index=False).replace(",", ", ").replace(", p", ",p"), [0, 1]),
    ],
)
def test_csv_is_read(text: str, ids: list[Any]) -> None:
    request = decode(text, content_type="text/csv; charset=utf-8")
    assert request.pixels.tolist() == PIXELS
    assert list(request.ids) == ids


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", '"utf-8"', "us-ascii", "ASCII"])
def test_csv_may_say_that_it_is_utf_8(charset: str) -> None:
    text = csv_of(FRAME.set_axis(["衣.png", 1]))
    request = decode(text, content_type=f"text/csv; charset={charset}")
    assert list(request.ids) == ["衣.png", 1]


def test_csv_may_have_no_header_where_its_type_says_so() -> None:
    text = csv_of(FRAME, index=False, header=False)
    request = decode(text, content_type="text/csv; header=absent")
    assert request.pixels.tolist() == PIXELS
    with pytest.raises(InvalidPixels, match="header=absent"):
        decode(text, content_type="text/csv")


@pytest.mark.parametrize(
    ("text", "content_type", "error"),
    [
        ("", "text/csv", InvalidPixels),
        ("0,1,2,3,4\n1,0,0,0,0", "text/csv", InvalidPixels),
        ("pixel5,pixel1,pixel2,pixel3,pixel4\n1,0,0,0,0", "text/csv", InvalidPixels),
        ("a,b,pixel1,pixel2,pixel3,pixel4\n1,1,0,0,0,0", "text/csv", InvalidPixels),
        ("id,pixel1,pixel2,pixel3\n1,0,0,0", "text/csv", InvalidPixels),
        ("id,pixel1,pixel2,pixel3,pixel4\n1,0,0,0", "text/csv", InvalidPixels),
        ("0,1,2,3\n" + "\n" * 100_001 + "0,0,0,0", "text/csv", InvalidPixels),
        ("0,1,2,3\n0,0,0,0", "text/csv; charset=iso-8859-1", UnsupportedMedia),
        ("0,1,2,3\n0,0,0,0", 'text/csv; charset="utf-16"; header=present', UnsupportedMedia),
        ("0,0,0,0", "text/csv; header=absent; charset=latin1", UnsupportedMedia),
        ("0,1,2,2\n0,0,0,0", "text/csv", InvalidPixels),
        ("0,1,2,3\n0,0,0", "text/csv", InvalidPixels),
        ("0,1,2,3\n0,0,0,0,0", "text/csv", InvalidPixels),
        ("0,1,2,3\n0,0,0,256", "text/csv", InvalidPixels),
        ("0,1,2,3\n0,0,0,-1", "text/csv", InvalidPixels),
        ("0,1,2,3\n0,0,0,0.5", "text/csv", InvalidPixels),
        ("0,1,2,3\n0,0,0,x", "text/csv", InvalidPixels),
        ("0,1,2,3\n0,0,0,", "text/csv", InvalidPixels),
        ("0,1,2,3\n0,0,0,nan", "text/csv", InvalidPixels),
        ("0,1,2,3\n0,0,0,\u0663", "text/csv", InvalidPixels),
        ("0,1,2,3\n" + "0,0,0,0\n" * 4, "text/csv", TooLarge),
        ("0,1,2,3\n" + "," * 10_000, "text/csv", InvalidPixels),
        ('0,1,2,3\n"0,0,0,0', "text/csv", BadRequest),
        (b"0,1,2,3\n0,0,0,\xff", "text/csv", BadRequest),
        ("0;1;2;3\n0;0;0;0", "text/csv", InvalidPixels),
        (",0,1,2,3\n" + "x" * 1_001 + ",0,0,0,0", "text/csv", ApiError),
        ("0,0,0,0", "text/csv; header=no", BadRequest),
    ],
)
def test_wrong_csv_is_refused(text: Any, content_type: str, error: type[ApiError]) -> None:
    with pytest.raises(error) as caught:
        decode(text, content_type=content_type)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("header", [True, False])
def test_other_separators_than_commas_are_named(separator: str, header: bool) -> None:
    text = csv_of(FRAME, sep=separator, header=header, index=header)
    kind = "text/csv" if header else "text/csv; header=absent"
    with pytest.raises(InvalidPixels, match=re.escape(f"by commas here, not by {separator!r}")):
        decode(text, content_type=kind)


def test_a_row_of_csv_is_told_by_its_number() -> None:
    with pytest.raises(InvalidPixels, match="row 1, column 3 holds 'x'"):
        decode("0,1,2,3\n0,0,0,0\n0,0,0,x", content_type="text/csv")


@given(st.text(alphabet='01,"\n\r .x', max_size=60))
def test_any_csv_gives_a_request_or_a_typed_error(text: str) -> None:
    with suppress(BadRequest, InvalidPixels, TooLarge):
        decode(text, content_type="text/csv; header=absent")
