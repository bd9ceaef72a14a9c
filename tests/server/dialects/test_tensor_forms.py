"""Records, nested images, inputs, CSV and whole frames: how else rows of pixels are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest

from scoring.protocol.errors import ApiError, BadRequest, InvalidPixels, TooLarge
from scoring.protocol.signature import ColumnNames, InputSpec, Signature
from server.dialects import own
from server.dialects.dialect import Call
from server.handler import row_arrays
from server.prediction_request import PredictionRequest, RequestLimits
from tests.server.dialects.test_own import PIXELS, SIGNATURE

NO_QUERY: Mapping[str, str] = {}
LIMITS = RequestLimits(rows=3, json_depth=8, row_arrays=7)
COLOURS = replace(SIGNATURE, input=InputSpec((2, 2, 3), "uint8", ColumnNames("pixel", 1)))
FRAME = pd.DataFrame(PIXELS, columns=["pixel1", "pixel2", "pixel3", "pixel4"])
SHUFFLED = FRAME[["pixel3", "pixel1", "pixel4", "pixel2"]]
NESTED = np.array(PIXELS).reshape(2, 2, 2)


def decode(
    document: Any,
    signature: Signature = SIGNATURE,
    content_type: str = "application/json",
    limits: RequestLimits = LIMITS,
    query: Mapping[str, str] = NO_QUERY,
) -> PredictionRequest:
    if isinstance(document, str):
        document = document.encode()
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    call = Call(body, query=query, headers={"content-type": content_type})
    return own.decode(call, signature, limits)


@pytest.mark.parametrize(
    "document",
    [
        {"dataframe_records": FRAME.to_dict("records")},
        {"dataframe_records": SHUFFLED.to_dict("records")},
        {"dataframe_records": FRAME.astype(float).to_dict("records")},
        {
            "dataframe_records": [
                FRAME.to_dict("records")[0],
                SHUFFLED.to_dict("records")[1],
            ]
        },
        {"instances": PIXELS},
        {"instances": NESTED.tolist()},
        {"instances": NESTED[..., None].tolist()},
        {"instances": NESTED[:, None].tolist()},
        {"instances": NESTED.astype(float).tolist()},
        {"instances": [{"x": row} for row in NESTED.tolist()]},
        {"instances": [PIXELS[0], NESTED[1].tolist()]},
        {"inputs": PIXELS},
        {"inputs": NESTED.tolist()},
        {"inputs": {"pixels": PIXELS}},
        {"inputs": {"conv2d_input": NESTED[..., None].tolist()}},
        {"inputs": FRAME.to_dict("list")},
        {"inputs": SHUFFLED.to_dict("list")},
        {"instances": PIXELS, "signature_name": "serving_default", "params": {}},
        FRAME.to_json(),
        SHUFFLED.to_json(),
        orjson.dumps(FRAME.to_json()),
        b'\xef\xbb\xbf \n"' + orjson.dumps(FRAME.to_json())[1:],
        orjson.dumps(orjson.dumps({"instances": PIXELS}).decode()),
        {
            "0": {"b": 9, "a": 0},
            "1": {"a": 64, "b": 8},
            "2": {"b": 7, "a": 128},
            "3": {"a": 255, "b": 6},
        },
    ],
)
def test_each_form_is_read(document: Any) -> None:
    request = decode(document)
    assert request.pixels.dtype == np.uint8
    pixels = request.pixels.tolist()
    assert pixels == (PIXELS[::-1] if isinstance(document, dict) and "0" in document else PIXELS)
    assert list(request.ids) == [0, 1]


@pytest.mark.parametrize(
    "document",
    [
        {"instances": np.arange(24).reshape(2, 2, 2, 3).tolist()},
        {"inputs": {"x": np.arange(24).reshape(2, 12).tolist()}},
        {f"pixel{at}": {"0": at - 1, "1": at + 11} for at in range(1, 13)},
    ],
)
def test_colours_are_read(document: Any) -> None:
    assert decode(document, COLOURS).pixels.tolist() == np.arange(24).reshape(2, 12).tolist()


def test_no_rows_are_none() -> None:
    empty = pd.DataFrame([], columns=range(4)).to_json()
    documents = [{"dataframe_records": []}, {"instances": []}, {"inputs": {"x": []}}, empty]
    for document in documents:
        assert decode(document).pixels.shape == (0, 4)
    assert decode("pixel1,pixel2,pixel3,pixel4\n", content_type="text/csv").pixels.shape == (0, 4)


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"dataframe_records": {}}, BadRequest),
        ({"dataframe_records": [[0, 0, 0, 0]]}, BadRequest),
        ({"dataframe_records": [{}]}, InvalidPixels),
        ({"dataframe_records": [{"a": 1, "b": 2, "c": 3, "d": 4}]}, InvalidPixels),
        ({"dataframe_records": [*FRAME.to_dict("records"), {"pixel1": 1}]}, InvalidPixels),
        (
            {"dataframe_records": [{"0": 0, "1": 1, "2": 2, "3": 3}, {str(i): 0 for i in "1234"}]},
            InvalidPixels,
        ),
        ({"dataframe_records": FRAME.to_dict("records") * 2}, TooLarge),
        ({"dataframe_records": [{"0": 0, "1": 1, "2": 2, "3": None}]}, InvalidPixels),
        ({"dataframe_records": [{"0": 0, "1": 1, "2": 2, "3": True}]}, InvalidPixels),
        ({"instances": 7}, BadRequest),
        ({"instances": {"x": PIXELS}}, BadRequest),
        ({"instances": [0, 64]}, InvalidPixels),
        ({"instances": [[0, 0, 0]]}, InvalidPixels),
        ({"instances": [[[0, 0], [0]]]}, InvalidPixels),
        ({"instances": [[[0, 0]]]}, InvalidPixels),
        ({"instances": [[[0, 0], 0]]}, InvalidPixels),
        ({"instances": [[[], []]]}, InvalidPixels),
        ({"instances": [[]]}, InvalidPixels),
        ({"instances": [[[]]]}, InvalidPixels),
        ({"instances": [[[[0], [0]], [[0], 0]]]}, InvalidPixels),
        ({"instances": [[[[0], [0]], [[0], [0, 0]]]]}, InvalidPixels),
        ({"instances": [[[[[0]], [[0]]], [[[0]], [[0]]]]]}, InvalidPixels),
        ({"instances": [[[0, 0], [0, 256]]]}, InvalidPixels),
        ({"instances": [[[0, 0], [0, True]]]}, InvalidPixels),
        ({"instances": [[[0, 0], [0, "0"]]]}, InvalidPixels),
        ({"instances": [[[0, 0], [0, {}]]]}, InvalidPixels),
        ({"instances": PIXELS * 2}, TooLarge),
        ({"instances": [{"x": PIXELS[0]}, {"y": PIXELS[1]}]}, BadRequest),
        ({"instances": [{"x": PIXELS[0]}, PIXELS[1]]}, BadRequest),
        ({"instances": [PIXELS[0], {"x": PIXELS[1]}]}, InvalidPixels),
        ({"instances": [{"x": PIXELS[0], "y": 0}]}, InvalidPixels),
        ({"instances": [{"b64": 7}]}, BadRequest),
        ({"inputs": 7}, BadRequest),
        ({"inputs": {}}, BadRequest),
        ({"inputs": {"x": 7}}, BadRequest),
        ({"inputs": {"x": [], "y": 7}}, BadRequest),
        ({"inputs": {"x": [], "y": []}}, InvalidPixels),
        ({"inputs": {**FRAME.to_dict("list"), "pixel4": [1]}}, InvalidPixels),
        ({"inputs": {name: [0] * 4 for name in FRAME}}, TooLarge),
        ({"inputs": PIXELS, "instances": PIXELS}, BadRequest),
        ({"0": {"0": 1}}, InvalidPixels),
        ({"0": {}, "1": {}, "2": {}, "3": {"0": 1}}, InvalidPixels),
        ({"0": {"0": 1}, "1": {"0": 1}, "2": {"0": 1}, "3": {"1": 1}}, InvalidPixels),
        ({"0": {"0": 1}, "1": {"0": 1}, "2": {"0": 1}, "3": {"0": None}}, InvalidPixels),
        ({"0": {"0": 1}, "1": {"0": 1}, "2": {"0": 1}, "3": 1}, BadRequest),
        ({name: dict.fromkeys("abcd", 0) for name in "0123"}, TooLarge),
        ({}, BadRequest),
        (FRAME.to_json(orient="records"), BadRequest),
        (FRAME.to_json(orient="split"), BadRequest),
        (orjson.dumps(orjson.dumps(FRAME.to_json()).decode()), BadRequest),
        (b'"', BadRequest),
        (b'"{}"', BadRequest),
        (b'"\\ud800"', BadRequest),
        (orjson.dumps("[" * 9), BadRequest),
        (orjson.dumps("[" + "[]," * 1_100 + "[]]"), TooLarge),
    ],
)
def test_a_wrong_form_is_refused(document: Any, error: type[ApiError]) -> None:
    with pytest.raises(error) as caught:
        decode(document)
    assert len(str(caught.value)) < 300


def test_what_json_in_json_takes_is_accounted_for() -> None:
    taken: list[int] = []
    body = orjson.dumps(FRAME.to_json())
    decode(body, limits=replace(LIMITS, take=taken.append))
    weighed = own.weigh(Call(body), SIGNATURE, LIMITS)
    assert weighed > 2 * len(body)
    assert sum(taken) > len(FRAME.to_json())


@pytest.mark.parametrize(("shape", "enough"), [((28, 28, 1), 1_000), ((224, 224, 3), 5)])
def test_nested_pictures_fit_and_bombs_do_not(shape: tuple[int, int, int], enough: int) -> None:
    signature = replace(SIGNATURE, input=InputSpec(shape, "uint8", ColumnNames("pixel", 1)))
    limits = RequestLimits(rows=20_000, json_depth=8, row_arrays=row_arrays(signature))
    pixels = np.zeros((enough, *shape), np.uint8)
    request = decode({"instances": pixels.tolist()}, signature, limits=limits)
    assert request.pixels.shape == (enough, np.prod(shape))
    with pytest.raises(TooLarge) as caught:
        decode(b'{"instances": [' + b"[]," * 1_100_000 + b"[]]}", signature, limits=limits)
    assert caught.value.wire_code == "too_many_arrays"
