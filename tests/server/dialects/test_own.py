"""The own dialect, without Flask or a model: the bytes of requests and of their answers.

The files in ``golden/own`` are what callers send and get; a change to one is a change to the API.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pybase64
import pytest
from msgspec.structs import replace

from scoring.inference.predictions import summarise
from scoring.protocol.errors import ApiError, InvalidPixels, TooLarge, Unavailable
from scoring.protocol.signature import (
    ColumnNames,
    InputSpec,
    ReviewWords,
    Thresholds,
    parse_signature,
)
from scoring.settings import ServerSettings
from server.dialects import own, own_schema
from server.dialects.dialect import Call
from server.dialects.examples import shirt
from server.handler import Answer
from server.prediction_request import Detail, PredictionRequest, RequestLimits
from tests.conftest import BUNDLE

GOLDEN = Path(__file__).parent / "golden" / "own"
COMMITTED = parse_signature((BUNDLE / "signature.json").read_bytes())
SIGNATURE = replace(
    COMMITTED,
    name="small",
    version="0" * 64,
    labels=("shirt", "shoe", "bag"),
    reference=replace(COMMITTED.reference, class_shares=(0.5, 0.25, 0.25)),
    input=InputSpec((2, 2, 1), "uint8", ColumnNames("pixel", 1)),
    review=ReviewWords("low confidence", "no clothes?"),
    thresholds=Thresholds(confidence=0.5, outlier_score=100.0),
)
LIMITS = RequestLimits(rows=2, json_depth=8)
PIXELS = [[0, 64, 128, 255], [9, 8, 7, 6]]
# Text in other encodings, and a picture that its sender called JSON.
OTHER_CODES = (
    *('{"instances": []}'.encode(code) for code in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")),
    '{"dataframe_split": {"index": ["Jäckchen"]}}'.encode("latin-1"),
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
)


@pytest.mark.parametrize("form", ["split", "block", "zlib-block"])
def test_a_request_is_read(form: str) -> None:
    body = (GOLDEN / f"{form}.request.json").read_bytes()
    request = own.decode(Call(body), SIGNATURE, LIMITS)
    assert list(request.ids) == ["left.png", 7]
    assert request.pixels.dtype == np.uint8
    assert request.pixels.tolist() == PIXELS


def block_text(**changes: object) -> bytes:
    """Return a request of our client, as compact as it writes it."""
    block = {"index": [1, 2], "dtype": "uint8", "shape": [2, 4], "compression": None}
    data = pybase64.b64encode_as_string(bytes([*PIXELS[0], *PIXELS[1]]))
    return orjson.dumps({"dataframe_b64": {**block, "data": data, **changes}})


def variants() -> dict[str, bytes]:
    """The same request as others may write it, with the block where it is not looked for."""
    plain = block_text()
    data = plain.partition(b'"data":"')[2].partition(b'"')[0]
    return {
        "ours": plain,
        "blanks": orjson.dumps(orjson.loads(plain), option=orjson.OPT_INDENT_2),
        "data first": plain.replace(b'{"index"', b'{"data":"' + data + b'","index"').replace(
            b',"data":"' + data + b'"}', b"}"
        ),
        "escapes": plain.replace(data, b"\\u0041" + data.removeprefix(b"A")),
        "another's data": plain.replace(b"{", b'{"user":{"data":"[[[["},', 1),
        "a mark": plain.replace(b"{", b'{"user":{"data":"\\u0000block"},', 1),
        "a byte order mark": b"\xef\xbb\xbf" + plain,
    }


@pytest.mark.parametrize("kind", variants())
def test_a_block_is_read_however_it_is_written(kind: str) -> None:
    request = own.decode(Call(variants()[kind]), SIGNATURE, LIMITS)
    assert list(request.ids) == [1, 2]
    assert request.pixels.tolist() == PIXELS


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (block_text(data="!!!"), "bad_request", "data is not base64"),
        (block_text(data="AAAA").replace(b"AAAA", b"\xff\xfeAA"), "bad_request", "not base64"),
        (block_text(data=["AAAA"]), "bad_request", "data is a base64 string"),
        (block_text(data=""), "invalid_pixels", "holds 0 bytes"),
        (block_text(data="\0block"), "bad_request", "data is not base64"),
        (block_text()[:-1] + b"]", "invalid_json", "column"),
        (block_text()[:-3], "invalid_json", "not valid JSON"),
        (b'[{"data":"AAAA"}]', "invalid_pixels", "0"),
        (b'{"data":"AAAA"}', "bad_request", "send"),
        (b'{"data":"' + b"[" * 100, "invalid_json", "not valid JSON"),
        (block_text().replace(b'"index":', b'"x":[[[[[[[[[1]]]]]]]]],"index":'), "too_deep", "8"),
    ],
)
def test_what_is_wrong_beside_a_block_is_told(body: bytes, code: str, message: str) -> None:
    with pytest.raises(ApiError, match=message) as caught:
        own.decode(Call(body), SIGNATURE, LIMITS)
    assert caught.value.wire_code == code


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b" \r\n", "the body is empty"),
        *((text, "in UTF-8, which JSON is; encode it so") for text in OTHER_CODES),
    ],
)
def test_what_is_no_json_at_all_is_told_as_what_it_is(body: bytes, message: str) -> None:
    with pytest.raises(ApiError, match=message) as caught:
        own.decode(Call(body, headers={"content-type": "application/json"}), SIGNATURE, LIMITS)
    assert caught.value.wire_code == "invalid_json"


def test_the_place_of_an_error_behind_a_block_is_that_in_the_body() -> None:
    body = block_text()[:-1] + b",nothing}"
    with pytest.raises(ApiError) as caught:
        own.decode(Call(body), SIGNATURE, LIMITS)
    assert f"column {body.index(b'nothing') + 1}" in str(caught.value)


def answer() -> Answer:
    """What a model of three classes saw in the two rows."""
    probabilities = np.array([[0.75, 0.125, 0.125], [0.25, 0.375, 0.375]])
    predictions = summarise(
        probabilities, np.array([61.5, 30.0]), SIGNATURE.thresholds, SIGNATURE.review
    )
    return Answer(SIGNATURE, predictions, seconds=0.031)


@pytest.mark.parametrize(
    ("name", "detail"), [("answer", Detail()), ("detail.answer", Detail(probabilities=True, top=2))]
)
def test_an_answer_is_written(name: str, detail: Detail) -> None:
    request = PredictionRequest(["left.png", 7], np.array(PIXELS, np.uint8), detail=detail)
    reply = own.encode(request, answer())
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert reply.body == (GOLDEN / f"{name}.json").read_bytes().rstrip()


REFUSALS = [
    (
        "too_many_rows",
        TooLarge("3 rows in one request; send at most 2", code="too_many_rows", limit=2),
    ),
    ("invalid_pixels", InvalidPixels("row 0 is not a list of 4 pixels")),
    ("stopping", Unavailable("the server is stopping", code="stopping")),
]


@pytest.mark.parametrize(("name", "refusal"), REFUSALS)
def test_a_refusal_is_written(name: str, refusal: ApiError) -> None:
    reply = own.error(refusal)
    assert (reply.status, reply.content_type) == (refusal.status, "application/json")
    assert reply.body == (GOLDEN / f"{name}.error.json").read_bytes().rstrip()


def test_each_route_is_described_once() -> None:
    described = own_schema.describe(ServerSettings(), SIGNATURE).paths
    told = [telling.path for telling in own.DIALECT.tellings]
    scored = [scoring.path for scoring in own.DIALECT.scorings]
    assert sorted(described) == sorted(told + scored)


def test_the_described_example_is_read() -> None:
    examples = own_schema.describe(ServerSettings(), SIGNATURE).examples
    for form in ("dataframe_b64", "dataframe_split", "dataframe_records", "instances", "inputs"):
        pixels = own.decode(Call(orjson.dumps(examples[form])), SIGNATURE, LIMITS).pixels
        assert pixels.tolist() == [shirt(SIGNATURE.input).ravel().tolist()]
