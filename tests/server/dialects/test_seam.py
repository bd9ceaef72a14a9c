"""A dialect more is one module and one line: here a small one, with all that it must have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import requests

import server.dialects
from scoring.protocol.errors import ApiError, InvalidPixels
from scoring.protocol.signature import Signature
from scoring.settings import ServerSettings, Settings
from server.dialects.dialect import Call, Description, Dialect, Reply, Scoring, Telling
from server.dialects.openapi_parts import operation
from server.handler import Answer, Handler
from server.prediction_request import PredictionRequest, RequestLimits
from tests.conftest import BUNDLE, garment_pixels, running_server
from tests.deadlines import DEADLINE
from tests.server.raw import ask, head

TEXT = "text/plain; charset=utf-8"


def decode(call: Call, signature: Signature, limits: RequestLimits) -> PredictionRequest:
    """Read hexadecimal pixels, a line an image."""
    lines = call.body.decode("ascii").splitlines()
    width = signature.input.row_length
    if any(len(line) != 2 * width for line in lines):
        raise InvalidPixels(f"a line has {width} pixels")
    raw = bytes.fromhex("".join(lines))
    return PredictionRequest(range(len(lines)), np.frombuffer(raw, np.uint8).reshape(-1, width))


def encode(request: PredictionRequest, answer: Answer) -> Reply:
    labels = [answer.signature.labels[index] for index in answer.predictions.class_index]
    return Reply(
        "\n".join(labels).encode(), content_type=TEXT, headers={"X-Rows": str(len(labels))}
    )


def error(refusal: ApiError) -> Reply:
    return Reply(f"sorry: {refusal.wire_code}".encode(), refusal.status, TEXT)


def tell(handler: Handler, call: Call) -> Reply:
    return Reply(" ".join(one.name for one in handler.signatures()).encode(), content_type=TEXT)


def describe(settings: ServerSettings, signature: Signature) -> Description:
    paths = {
        "/hex": {"get": operation("Names", {"type": "string"}, ())},
        "/hex/{name}": {"post": operation("Score", {"type": "string"}, ())},
    }
    return Description("Lines", paths, {}, {})


HEX = Dialect(
    name="hex",
    paths=("/hex", "/hex/"),
    media_types=frozenset({"text/plain"}),
    tellings=(Telling("/hex", tell),),
    scorings=(Scoring("/hex/{name}"),),
    weigh=lambda call, signature, limits: len(call.body),
    decode=decode,
    encode=encode,
    error=error,
    describe=describe,
)
PIXELS = garment_pixels(2)
BODY = "\n".join(bytes(row).hex() for row in PIXELS)
KEY = {"Authorization": "Bearer s3cret"}
PLAIN = {**KEY, "Content-Type": "text/plain"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    settings = Settings(
        project=BUNDLE.parent, server={"api_key": "s3cret", "max_request_bytes": 100_000}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server.dialects, "DIALECTS", (*server.dialects.DIALECTS, HEX))
        with running_server(settings) as url:
            yield url


def test_it_is_asked_and_answers_in_its_own_way(url: str) -> None:
    response = requests.post(f"{url}/hex/fashion", data=BODY, headers=PLAIN, timeout=DEADLINE)
    assert (response.status_code, response.headers["Content-Type"]) == (200, TEXT)
    assert response.headers["X-Rows"] == "2"
    split = {"dataframe_split": {"data": PIXELS.tolist()}}
    own = requests.post(f"{url}/predict", json=split, headers=KEY, timeout=DEADLINE)
    assert response.text.split("\n") == [row["label"] for row in own.json()["predictions"]]
    assert requests.get(f"{url}/hex", headers=KEY, timeout=DEADLINE).text == "fashion"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("POST", "/hex/fashion", PLAIN, 422, "invalid_pixels"),
        ("POST", "/hex/fashion", {**KEY, "Content-Type": "application/json"}, 415, "unsupported"),
        ("POST", "/hex/fashion", {}, 401, "unauthorized"),
        ("POST", "/hex/hats", PLAIN, 404, "unknown_model"),
        ("GET", "/hex/fashion", KEY, 405, "method_not_allowed"),
        ("POST", "/hex", PLAIN, 405, "method_not_allowed"),
    ],
)
def test_it_is_refused_in_its_own_way(
    url: str, method: str, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    data = "no pixels" if method == "POST" else None
    response = requests.request(method, url + path, data=data, headers=headers, timeout=DEADLINE)
    assert (response.status_code, response.headers["Content-Type"]) == (status, TEXT)
    assert response.text.startswith(f"sorry: {code}")


def test_it_is_refused_in_its_own_way_before_its_body_has_come(url: str) -> None:
    lines = ("Content-Length: 100001", "Authorization: Bearer s3cret")
    status, headers, body = ask(url, head(*lines, target="/hex/fashion"))
    assert (status, headers["content-type"], body) == (413, TEXT, b"sorry: too_large")


def test_the_other_dialect_is_as_it_was_and_both_are_described(url: str) -> None:
    for path in ("/nothing", "/hexes"):
        response = requests.get(url + path, headers=KEY, timeout=DEADLINE)
        assert response.json()["error"]["code"] == "not_found"
    paths = requests.get(f"{url}/openapi.json", headers=KEY, timeout=DEADLINE).json()["paths"]
    assert {"/hex", "/hex/{name}", "/predict"} <= set(paths)
