"""Records, nested images, inputs, CSV and whole frames: how else rows of pixels are written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from msgspec.structs import replace

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
        FRAME.to_json(orient="split"),
        SHUFFLED.to_json(orient="split"),
        orjson.dumps(SHUFFLED.to_json(orient="split")),
        FRAME.to_dict("tight"),
        {"data": PIXELS},
        FRAME.to_json(orient="records"),
        orjson.dumps(SHUFFLED.to_json(orient="records")),
        FRAME.to_json(orient="values"),
        NESTED.tolist(),
        [{"x": row} for row in NESTED.tolist()],
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
        (FRAME.to_json(orient="table"), BadRequest),
        (FRAME.to_json(orient="index"), InvalidPixels),
        (PIXELS[0], BadRequest),
        ({"data": PIXELS, "more": 1}, BadRequest),
        ({"data": PIXELS[0][:2]}, InvalidPixels),
        ([FRAME.to_dict("records")[0], PIXELS[1]], BadRequest),
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


ONE_ROW = np.arange(784)
ONE_IMAGE = {
    "flat": ONE_ROW.tolist(),
    "[28][28]": ONE_ROW.reshape(28, 28).tolist(),
    "[28][28][1]": ONE_ROW.reshape(28, 28, 1).tolist(),
}
FASHION = replace(SIGNATURE, input=InputSpec((28, 28, 1), "uint8", ColumnNames("pixel", 1)))
MANY = RequestLimits(rows=50, json_depth=8, row_arrays=813)


@pytest.mark.parametrize("image", ONE_IMAGE.values(), ids=ONE_IMAGE)
@pytest.mark.parametrize("form", ["instances", "inputs", "inputs by name"])
def test_one_image_where_a_list_of_them_is_wanted_is_told_so(image: Any, form: str) -> None:
    document = {"inputs": {"x": image}} if form.endswith("name") else {form: image}
    with pytest.raises(InvalidPixels, match=r"one image alone in a list.*\[\[…\]\]"):
        decode(document, FASHION, limits=MANY)


@pytest.mark.parametrize("shape", [(28, 784), (28, 28, 28), (28, 28, 28, 1), (28, 1, 28, 28)])
def test_as_many_images_as_an_image_has_lines_are_images(shape: tuple[int, ...]) -> None:
    images = np.zeros(shape, int).tolist()
    assert decode({"instances": images}, FASHION, limits=MANY).pixels.shape == (28, 784)


@pytest.mark.parametrize(
    "index", [[2**64, 0], [-(2**63) - 1, 0], {"start": 2**64, "stop": 2**64 + 2}]
)
def test_an_id_beyond_64_bits_is_told_its_range(index: Any) -> None:
    body = json.dumps({"dataframe_split": {"index": index, "data": PIXELS}})
    with pytest.raises(BadRequest, match=r"from -9223372036854775808 to 18446744073709551615"):
        decode(body)
    kept = [2**64 - 1, -(2**63)]
    assert list(decode({"dataframe_split": {"index": kept, "data": PIXELS}}).ids) == kept


def test_a_picture_with_its_channels_first_is_told_how_it_should_be_nested() -> None:
    planes = [[[0, 1], [2, 3]]] * 3
    with pytest.raises(InvalidPixels, match=r"not nested as \[2\]\[2\]\[3\] pixels"):
        decode({"instances": [planes]}, COLOURS)


def test_bare_split_returns_its_index() -> None:
    frame = FRAME.set_axis(["left.png", 7])
    assert list(decode(frame.to_json(orient="split")).ids) == ["left.png", 7]


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
