from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from scoring.protocol.errors import ApiError, BadRequest, InvalidPixels, TooLarge
from scoring.protocol.prediction import encode_request
from scoring.protocol.signature import ColumnNames, InputSpec, parse_signature
from server.dialects.json_body import may_hold_booleans, parse_json
from server.dialects.pixel_forms import BLOCK, FRAMES, TENSORS, read_document
from server.prediction_request import RequestLimits
from tests.conftest import BUNDLE

LIMITS = RequestLimits(rows=5, json_depth=8)
SIGNATURE = replace(
    parse_signature((BUNDLE / "signature.json").read_bytes()),
    input=InputSpec((1, 3, 1), "uint8", ColumnNames("pixel", 1)),
)


def decode(document: Any) -> Any:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    forms = {**BLOCK, **FRAMES, **TENSORS}
    return read_document(
        parse_json(body, LIMITS), SIGNATURE, LIMITS, forms, may_hold_booleans(body)
    )


def test_own_form_comes_through() -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    request = decode(encode_request(range(7, 9), pixels, None))
    assert request.ids == range(7, 9)
    assert np.array_equal(request.pixels, pixels)


def test_split_form_comes_through_with_and_without_index() -> None:
    split = {"columns": [0, 1, 2], "index": ["x", 4], "data": [[0, 128, 255], [1, 2, 3.0]]}
    request = decode({"dataframe_split": split})
    assert list(request.ids) == ["x", 4]
    assert request.pixels.tolist() == [[0, 128, 255], [1, 2, 3]]
    assert list(decode({"dataframe_split": {"data": [[0, 0, 0]]}}).ids) == [0]


@pytest.mark.parametrize(
    ("body", "error", "code"),
    [
        (b"", BadRequest, "invalid_json"),
        (b"{", BadRequest, "invalid_json"),
        (b"[1]", BadRequest, "bad_request"),
        (b"{}", BadRequest, "bad_request"),
        (b'{"dataframe_split": 1}', BadRequest, "bad_request"),
        (b'{"dataframe_split": {"data": []}, "dataframe_b64": {}}', BadRequest, "bad_request"),
        (b'{"dataframe_split": {"data": [[1, 2]]}}', InvalidPixels, "invalid_pixels"),
        (b'{"dataframe_split": {"data": [[1, 2, 256]]}}', InvalidPixels, "invalid_pixels"),
        (b'{"dataframe_split": {"data": [[1, 2, -1]]}}', InvalidPixels, "invalid_pixels"),
        (b'{"dataframe_split": {"data": [[1, 2, 0.5]]}}', InvalidPixels, "invalid_pixels"),
        (b'{"dataframe_split": {"data": [[1, 2, NaN]]}}', InvalidPixels, "invalid_pixels"),
        (b'{"dataframe_split": {"data": [[1, 2, 1e999]]}}', ApiError, None),
        (b'{"dataframe_split": {"data": [[1, 2, null]]}}', InvalidPixels, "invalid_pixels"),
        (b'{"dataframe_split": {"data": [[1, 2, true]]}}', InvalidPixels, "invalid_pixels"),
        (b'{"dataframe_split": {"data": [[1, 2, "3"]]}}', InvalidPixels, "invalid_pixels"),
        (b'{"dataframe_split": {"data": [[1, 2, [3]]]}}', InvalidPixels, "invalid_pixels"),
        (b'{"dataframe_split": {"data": [[1,2,' + b"9" * 5000 + b"]]}}", ApiError, None),
        (b"[" * 100_000, BadRequest, "too_deep"),
        (b"[" * 8, BadRequest, "invalid_json"),
        (b"[" + b"[]," * 1_100 + b"[]]", TooLarge, "too_many_arrays"),
        (b'{"dataframe_split": {"columns": ["a"], "data": []}}', InvalidPixels, "invalid_pixels"),
    ],
)
def test_a_wrong_request_is_refused(body: bytes, error: type[ApiError], code: str | None) -> None:
    with pytest.raises(error) as caught:
        decode(body)
    assert code is None or caught.value.wire_code == code
    assert 400 <= caught.value.status < 500


A_PHOTOGRAPH = b"\xff\xd8\xff\xe0" + b"[{" * 100_000
CUT_SHORT = b'{"instances": [{"b64": "%b"' % (b"NaNInfinity" * 1_000)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (A_PHOTOGRAPH, "under its own Content-Type"),
        (b"--boundary\r\n\r\n" + A_PHOTOGRAPH, "under its own Content-Type"),
        (CUT_SHORT, "unexpected end of data"),
        (b'{"pixel1": 0}\r\n{"pixel1": 0}\n', "make one list of JSON lines"),
        (b"[\n1]x", r"char 4\)$"),
    ],
    ids=["a photograph", "a form", "cut short", "JSON lines", "more behind it"],
)
def test_what_is_no_json_is_told_why_whatever_is_among_its_bytes(body: bytes, said: str) -> None:
    with pytest.raises(BadRequest, match=said) as caught:
        parse_json(body, LIMITS)
    assert caught.value.wire_code == "invalid_json"


@pytest.mark.parametrize("text", ["NaN", "[0, NaN]", "[-Infinity]", '{"ä": "ö", "衣": Infinity}'])
def test_numbers_that_json_does_not_have_are_named(text: str) -> None:
    with pytest.raises(InvalidPixels, match="NaN and Infinity are no pixels"):
        parse_json(text.encode(), LIMITS)


TOO_LARGE = {
    "401 digits": b"1" + b"0" * 400,
    "5,000 digits": b"9" * 5_000,
    "below zero": b"-" + b"9" * 5_000,
    "a fraction": b"9" * 400 + b".5",
    "an exponent": b"1e999",
    "a signed one": b"-1.5E+400",
    "digits and an exponent": b"9" * 299 + b"e99",
    "more than 64 bits": b"18446744073709551616",
    "the largest float": b"1.7e308",
}
TABLES = {
    "instances": b'{"instances": [[0, 1, 2], [3, 4,%b]]}',
    "nested": b'{"instances": [[[0, 1, 2]], [[3,\n4, %b]]]}',
    "inputs": b'{"inputs": {"x": [[0, 1, 2], [3, 4, %b]]}}',
    "split": b'{"dataframe_split": {"data": [[0,1,2],[3,4,%b]], "index": ["a", 7]}}',
    "records": b'{"dataframe_records": [{"0":0,"1":1,"2":2},{"0":3,"1":4,"2":%b}]}',
    "letters before": '{"éñ衣": "衣衣衣", "instances": [[0, 1, 2], [3, 4,%b]]}'.encode(),
    "columns": b'{"inputs": {"0": [0, 3], "1": [1, 4], "2": [2, %b]}}',
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("number", TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_number_too_large_for_a_float_is_told_by_its_place(table: bytes, number: bytes) -> None:
    with pytest.raises(InvalidPixels, match=r"row 1, column 2 holds .*integers 0 to 255") as caught:
        decode(table % number)
    assert len(str(caught.value)) < 300


def test_a_number_too_large_for_a_float_is_no_matter_where_nobody_reads_it() -> None:
    body = b'{"instances": [[0, 1, 1e2]], "more": [1e999, %b]}' % (b"9" * 400)
    assert decode(body).pixels.tolist() == [[0, 1, 100]]


def test_more_numbers_too_large_than_anyone_mends_are_refused() -> None:
    body = b'{"instances": [[%b0]]}' % (b"1e999, " * 20_000)
    with pytest.raises(InvalidPixels, match="too large"):
        decode(body)


def test_too_many_rows_name_the_limit() -> None:
    with pytest.raises(TooLarge) as caught:
        decode({"dataframe_split": {"data": [[0, 0, 0]] * 6}})
    assert caught.value.as_json()["error"]["limit"] == 5


@given(st.binary(max_size=200))
def test_any_bytes_give_a_request_or_a_typed_error(body: bytes) -> None:
    with suppress(BadRequest, InvalidPixels, TooLarge):
        decode(body)


@pytest.mark.parametrize(
    "body", [b"[]", b'{"columns": ["pixel1", "pixel2", "pixel3"], "index": [], "data": []}']
)
def test_a_frame_without_rows_may_come_bare_as_one_with_rows(body: bytes) -> None:
    request = decode(body)
    assert (len(request.ids), request.pixels.shape) == (0, (0, 3))


def test_a_body_may_begin_with_a_byte_order_mark() -> None:
    body = b"\xef\xbb\xbf" + orjson.dumps({"dataframe_split": {"data": [[0, 1, 2]]}})
    assert decode(body).pixels.tolist() == [[0, 1, 2]]
    with pytest.raises(BadRequest):
        decode(b"\xef\xbb\xbf" + body)
