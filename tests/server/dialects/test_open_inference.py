"""The Open Inference Protocol, without Flask or a model, then as its callers meet it over HTTP.

The files in ``golden/open_inference`` are what callers send and get.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import requests

from scoring.inference.predictions import summarise
from scoring.protocol.errors import ApiError, BadRequest, InvalidPixels, TooLarge
from scoring.settings import Settings
from server.dialects import open_inference
from server.dialects.dialect import Call, Reply
from server.dialects.infer_request import InferRequest, WantedOutput
from server.handler import Answer
from server.prediction_request import RequestLimits
from tests.conftest import BUNDLE, garment_pixels, running_server
from tests.deadlines import DEADLINE
from tests.server.dialects.test_own import PIXELS, SIGNATURE

GOLDEN = Path(__file__).parent / "golden" / "open_inference"
LIMITS = RequestLimits(rows=2, json_depth=8)
RAW = np.array(PIXELS, np.uint8).tobytes()
HEADER = "inference-header-content-length"
INPUT: dict[str, Any] = {"name": "pixels", "shape": [2, 4], "datatype": "UINT8"}
FLAT = [0, 64, 128, 255, 9, 8, 7, 6]


def decode(document: Any, binary: bytes = b"", **headers: str) -> InferRequest:
    text = document if isinstance(document, bytes) else orjson.dumps(document)
    if binary:
        headers = {HEADER: str(len(text)), **headers}
    return open_inference.decode(Call(text + binary, headers=headers), SIGNATURE, LIMITS)


def encode(*outputs: WantedOutput, id_: str | None = "a1") -> Reply:
    probabilities = np.array([[0.75, 0.125, 0.125], [0.25, 0.3, 0.45]])
    seen = summarise(probabilities, np.array([61.5, 130.0]), SIGNATURE.thresholds, SIGNATURE.review)
    request = InferRequest(range(2), np.array(PIXELS, np.uint8), id=id_, outputs=outputs)
    return open_inference.encode(request, Answer(SIGNATURE, seen, seconds=0.031))


@pytest.mark.parametrize("name", ["request", "nested.request", "wanted.request"])
def test_a_request_is_read(name: str) -> None:
    request = decode((GOLDEN / f"{name}.json").read_bytes())
    assert (request.id, list(request.ids)) == ("a1", [0, 1])
    assert request.pixels.dtype == np.uint8
    assert request.pixels.tolist() == PIXELS


def test_every_output_is_told_where_none_is_named() -> None:
    request = decode((GOLDEN / "request.json").read_bytes())
    names = [output.name for output in request.outputs]
    assert names == ["label", "confidence", "review", "outlier_score", "probabilities"]
    reply = encode(*request.outputs)
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert reply.body == (GOLDEN / "answer.json").read_bytes().rstrip()


def test_the_likeliest_classes_are_told_where_they_are_asked_for() -> None:
    request = decode((GOLDEN / "wanted.request.json").read_bytes())
    assert request.outputs == (WantedOutput("probabilities", classes=2), WantedOutput("label"))
    assert encode(*request.outputs).body == (GOLDEN / "wanted.answer.json").read_bytes().rstrip()
    (more,) = orjson.loads(encode(WantedOutput("label", classes=9), id_=None).body)["outputs"]
    assert more["shape"] == [2, 3]


@pytest.mark.parametrize(
    ("datatype", "dtype"),
    [("UINT8", "u1"), ("INT16", "<i2"), ("UINT64", "<u8"), ("FP16", "<f2"), ("FP64", "<f8")],
)
def test_a_tensor_may_follow_the_json(datatype: str, dtype: str) -> None:
    raw = np.array(PIXELS).astype(dtype).tobytes()
    tensor = {**INPUT, "datatype": datatype, "parameters": {"binary_data_size": len(raw)}}
    assert decode({"inputs": [tensor]}, raw).pixels.tolist() == PIXELS


def test_outputs_may_follow_the_json() -> None:
    wanted = (WantedOutput("label", binary=True), WantedOutput("confidence"))
    reply = encode(*wanted, WantedOutput("probabilities", binary=True, classes=1))
    assert reply.content_type == "application/octet-stream"
    length = int(reply.headers["Inference-Header-Content-Length"])
    label, confidence, ranked = orjson.loads(reply.body[:length])["outputs"]
    assert confidence["data"] == [0.75, 0.45]
    texts = [b"shirt", b"bag", b"0.75:0:shirt", b"0.45:2:bag"]
    packed = [struct.pack("<I", len(text)) + text for text in texts]
    assert reply.body[length:] == b"".join(packed)
    sizes = [output["parameters"]["binary_data_size"] for output in (label, ranked)]
    assert sizes == [len(packed[0] + packed[1]), len(packed[2] + packed[3])]


def refused(**changes: Any) -> dict[str, Any]:
    return {"inputs": [{**INPUT, "data": FLAT, **changes}]}


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ([], BadRequest),
        ({}, BadRequest),
        ({"inputs": []}, BadRequest),
        ({"inputs": [1]}, BadRequest),
        ({"inputs": [{**INPUT, "data": FLAT}] * 2}, BadRequest),
        ({**refused(), "id": 7}, BadRequest),
        ({**refused(), "parameters": 7}, BadRequest),
        ({**refused(), "parameters": {"binary_data_output": 1}}, BadRequest),
        ({**refused(), "outputs": "label"}, BadRequest),
        ({**refused(), "outputs": [{"name": "logits"}]}, BadRequest),
        ({**refused(), "outputs": [{"name": ["label"]}]}, BadRequest),
        ({**refused(), "outputs": [{"name": "label"}] * 2}, BadRequest),
        (
            {**refused(), "outputs": [{"name": "label", "parameters": {"classification": -1}}]},
            BadRequest,
        ),
        (
            {**refused(), "outputs": [{"name": "review", "parameters": {"classification": 1}}]},
            BadRequest,
        ),
        (refused(name=None), BadRequest),
        (refused(datatype="BYTES"), InvalidPixels),
        (refused(datatype=["UINT8"]), InvalidPixels),
        (refused(shape=None), BadRequest),
        (refused(shape=[2, True]), BadRequest),
        (refused(shape=[-2, 4]), BadRequest),
        (refused(shape=[4]), BadRequest),
        (refused(shape=[1, 8]), InvalidPixels),
        (refused(shape=[2, 4, 1]), InvalidPixels),
        (refused(shape=[3, 4]), TooLarge),
        (refused(data=None), BadRequest),
        (refused(data="0"), BadRequest),
        (refused(data=FLAT[:7]), InvalidPixels),
        (refused(data=[FLAT]), InvalidPixels),
        (refused(data=[FLAT[:4], FLAT[4:7]]), InvalidPixels),
        (refused(data=[FLAT[:4], 9, 8, 7, 6]), InvalidPixels),
        (refused(data=[*FLAT[:7], 256]), InvalidPixels),
        (refused(data=[*FLAT[:7], 0.5]), InvalidPixels),
        (refused(data=[*FLAT[:7], True]), InvalidPixels),
        (refused(data=[*FLAT[:7], [6]]), InvalidPixels),
        (refused(parameters={"binary_data_size": 8}), BadRequest),
    ],
)
def test_a_wrong_request_is_refused(document: Any, error: type[ApiError]) -> None:
    with pytest.raises(error):
        decode(document)


SHARED = {"shared_memory_region": "r1", "shared_memory_byte_size": 8}


@pytest.mark.parametrize(
    "document",
    [
        {"inputs": [{**INPUT, "parameters": SHARED}]},
        refused(parameters=SHARED),
        {**refused(), "outputs": [{"name": "label", "parameters": SHARED}]},
        {**refused(), "outputs": [{"name": "label"}, {"name": "logits", "parameters": SHARED}]},
    ],
)
def test_there_is_no_shared_memory(document: Any) -> None:
    with pytest.raises(BadRequest, match="no shared memory here"):
        decode(document)


@pytest.mark.parametrize(
    ("change", "raw", "length", "error"),
    [
        ({}, RAW[:7], None, InvalidPixels),
        ({"parameters": {"binary_data_size": 7}}, RAW, None, BadRequest),
        ({"parameters": {"binary_data_size": "8"}}, RAW, None, BadRequest),
        ({"parameters": {}}, RAW, None, BadRequest),
        ({"data": FLAT}, RAW, None, BadRequest),
        ({}, RAW, "-1", BadRequest),
        ({}, RAW, "0", BadRequest),
        ({}, RAW, "9" * 5_000, BadRequest),
        ({}, RAW, "999", BadRequest),
        ({"datatype": "FP64"}, np.full(8, np.nan).tobytes(), None, InvalidPixels),
        ({"datatype": "INT8"}, bytes([255] * 8), None, InvalidPixels),
        ({"datatype": "FP16"}, np.full(8, 0.5, "<f2").tobytes(), None, InvalidPixels),
    ],
)
def test_a_wrong_tensor_behind_the_json_is_refused(
    change: dict[str, Any], raw: bytes, length: str | None, error: type[ApiError]
) -> None:
    tensor = {**INPUT, "parameters": {"binary_data_size": len(raw)}, **change}
    headers = {} if length is None else {HEADER: length}
    with pytest.raises(error):
        decode({"inputs": [tensor]}, raw, **headers)


@pytest.mark.parametrize("raw", [RAW, bytes(8), b"\xff" * 8])
def test_who_forgot_to_say_how_long_the_json_is_is_told(raw: bytes) -> None:
    tensor = {**INPUT, "parameters": {"binary_data_size": len(raw)}}
    body = orjson.dumps({"inputs": [tensor]}) + raw
    with pytest.raises(BadRequest, match="Inference-Header-Content-Length"):
        open_inference.decode(Call(body), SIGNATURE, LIMITS)


def test_a_refusal_is_written() -> None:
    reply = open_inference.error(InvalidPixels("row 0 holds 256"))
    assert (reply.status, reply.content_type) == (422, "application/json")
    assert orjson.loads(reply.body) == {"error": "row 0 holds 256"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_server(Settings(project=BUNDLE.parent)) as url:
        yield url


def infer(url: str, path: str = "/v2/models/fashion/infer", **kwargs: Any) -> requests.Response:
    return requests.post(url + path, timeout=DEADLINE, **kwargs)


def test_it_sees_what_the_own_dialect_sees(url: str) -> None:
    pixels = garment_pixels(5)
    split = {"dataframe_split": {"data": pixels.tolist()}}
    own = requests.post(f"{url}/predict", json=split, timeout=DEADLINE).json()["predictions"]
    tensor = {"name": "x", "shape": [5, 784], "datatype": "UINT8", "data": pixels.tolist()}
    for version in ("", "/versions/1", f"/versions/{'0' * 8}"):
        response = infer(url, f"/v2/models/fashion{version}/infer", json={"inputs": [tensor]})
        if version.endswith("0"):
            assert response.status_code == 404
            continue
        outputs = {one["name"]: one["data"] for one in response.json()["outputs"]}
        assert outputs["label"] == [row["label"] for row in own]
        wanted = np.array([row["confidence"] for row in own], np.float32)
        assert (np.array(outputs["confidence"], np.float32) == wanted).all()
        assert outputs["review"] == [row["review"] or "" for row in own]


@pytest.mark.parametrize(
    ("encoding", "pack", "unpack"),
    [("gzip", gzip.compress, gzip.decompress), ("deflate", zlib.compress, zlib.decompress)],
)
def test_bodies_are_compressed_both_ways(
    url: str, encoding: str, pack: Callable[[bytes], bytes], unpack: Callable[[bytes], bytes]
) -> None:
    pixels = garment_pixels(3).tobytes()
    tensor = {**INPUT, "shape": [3, 784], "parameters": {"binary_data_size": len(pixels)}}
    text = orjson.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}})
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": encoding,
        "Accept-Encoding": encoding,
        HEADER: str(len(text)),
    }
    response = infer(url, data=pack(text + pixels), headers=headers, stream=True)
    assert response.headers["Content-Encoding"] == encoding
    assert response.headers["Vary"] == "Accept-Encoding"
    body = unpack(response.raw.read(decode_content=False))
    length = int(response.headers["Inference-Header-Content-Length"])
    outputs = orjson.loads(body[:length])["outputs"]
    sizes = [output["parameters"]["binary_data_size"] for output in outputs]
    assert length + sum(sizes) == len(body)


def test_who_accepts_nothing_packed_gets_it_plain(url: str) -> None:
    tensor = {**INPUT, "shape": [1, 784], "data": [0] * 784}
    headers = {"Accept-Encoding": "identity;q=1, gzip;q=0"}
    response = infer(url, json={"inputs": [tensor]}, headers=headers)
    assert "Content-Encoding" not in response.headers
    assert response.json()["model_name"] == "fashion"


@pytest.mark.parametrize(
    ("path", "status", "entries"),
    [
        ("/v2", 200, {"name", "version", "extensions"}),
        ("/v2/health/live", 200, {"live", "ready"}),
        ("/v2/health/ready", 200, {"live", "ready"}),
        ("/v2/models", 200, {"models"}),
        ("/v2/models/fashion/versions/1", 200, {"name", "versions", "platform", "inputs"}),
        ("/v2/models/fashion/ready", 200, {"name", "ready"}),
        ("/v2/models/fashion/stats", 404, {"error"}),
        ("/v2/models/stats", 404, {"error"}),
        ("/v2/models/hats/ready", 404, {"error"}),
        ("/v2/models/fashion/versions/2/ready", 404, {"error"}),
        ("/v2/nothing", 404, {"error"}),
        ("/v2/models/fashion/infer", 405, {"error"}),
    ],
)
def test_it_tells_of_itself(url: str, path: str, status: int, entries: set[str]) -> None:
    response = requests.get(url + path, timeout=DEADLINE)
    assert response.status_code == status
    assert entries <= response.json().keys()
