from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.protocol.errors import ApiError, BadRequest, InvalidPixels, TooLarge
from scoring.protocol.prediction import (
    BadResponse,
    RequestLimits,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from scoring.protocol.signature import ColumnNames, InputSpec

LIMITS = RequestLimits(rows=5, json_depth=8)
SPEC = InputSpec((1, 3, 1), "uint8", ColumnNames("pixel", 1))
LABELS = ("shirt", "shoe")
GOOD = {
    "id": 0,
    "label": "shirt",
    "confidence": 0.5,
    "review": None,
    "outlier_score": 61.5,
    "second_label": "shoe",
    "second_confidence": 0.25,
}


def decode(document: Any) -> Any:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return decode_request(body, SPEC, LIMITS)


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


def answer(**changes: Any) -> bytes:
    rows = [
        GOOD,
        {**GOOD, "id": 1, "label": "shoe", "second_label": "shirt", "review": "low confidence"},
    ]
    document = {
        "model_name": "m",
        "model_version": "v",
        "inference_seconds": 0.1,
        "predictions": rows,
    }
    return orjson.dumps({**document, **changes})


def test_an_answer_that_fits_is_taken() -> None:
    response = decode_response(answer(), range(2), LABELS, "v")
    assert [row.label for row in response.predictions] == ["shirt", "shoe"]
    second = response.predictions[1]
    assert second.review == "low confidence"
    assert (second.second_label, second.second_confidence) == ("shirt", 0.25)
    assert second.outlier_score == 61.5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        answer()[:-5],
        answer(model_version="w"),
        answer(inference_seconds=-1),
        answer(predictions=[GOOD]),
        answer(predictions=[GOOD, GOOD]),
        answer(predictions=[{**GOOD, "id": 1}, GOOD]),
        answer(predictions=[GOOD, {**GOOD, "id": "1"}]),
        answer(predictions=[GOOD, {**GOOD, "id": True}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "label": "hat"}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "confidence": 1.5}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "confidence": None}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "confidence": "1"}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "review": 3}]),
        answer().replace(b"0.25", b"9" * 400),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "second_label": "hat"}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "second_label": "shirt"}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "second_label": ["shoe"]}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "second_confidence": 0.51}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "second_confidence": -0.1}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "second_confidence": None}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "outlier_score": "61.5"}]),
        answer(predictions=[GOOD, {**GOOD, "id": 1, "outlier_score": True}]),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(body: bytes) -> None:
    with pytest.raises(BadResponse):
        decode_response(body, range(2), LABELS, "v")


@pytest.mark.parametrize("entry", ["confidence", "outlier_score"])
@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_never_written(entry: str, score: float) -> None:
    with pytest.raises(ValueError, match="no number"):
        encode_response("m", "v", 0.0, [{**GOOD, entry: score}])


def test_a_body_may_begin_with_a_byte_order_mark() -> None:
    body = b"\xef\xbb\xbf" + orjson.dumps({"dataframe_split": {"data": [[0, 1, 2]]}})
    assert decode(body).pixels.tolist() == [[0, 1, 2]]
    with pytest.raises(BadRequest):
        decode(b"\xef\xbb\xbf" + body)
