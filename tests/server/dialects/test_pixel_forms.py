from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_too_many_rows_name_the_limit() -> None:
    with pytest.raises(TooLarge) as caught:
        decode({"dataframe_split": {"data": [[0, 0, 0]] * 6}})
    assert caught.value.as_json()["error"]["limit"] == 5


@given(st.binary(max_size=200))
def test_any_bytes_give_a_request_or_a_typed_error(body: bytes) -> None:
    with suppress(BadRequest, InvalidPixels, TooLarge):
        decode(body)


def test_a_body_may_begin_with_a_byte_order_mark() -> None:
    body = b"\xef\xbb\xbf" + orjson.dumps({"dataframe_split": {"data": [[0, 1, 2]]}})
    assert decode(body).pixels.tolist() == [[0, 1, 2]]
    with pytest.raises(BadRequest):
        decode(b"\xef\xbb\xbf" + body)
