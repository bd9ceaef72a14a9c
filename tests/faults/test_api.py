"""Rows 33, 36, 37, 39, 53 and 57: what is sent to the API."""

from __future__ import annotations

import gzip
import http.client
import os
import socket
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
import requests

from scoring.protocol.prediction import encode_request
from scoring.settings import Settings
from tests.conftest import BUNDLE, garment_pixels, running_server
from tests.deadlines import DEADLINE, work_of_at_most

PIXELS = garment_pixels(1)
BODY = encode_request(range(1), PIXELS, None)
LIMIT = 4_000_000


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    settings = Settings(
        project=BUNDLE.parent, server={"max_request_bytes": LIMIT, "connections": 50}
    )
    with running_server(settings) as url:
        yield url


def split(pixel: bytes) -> bytes:
    """Return a request of one row that holds ``pixel`` once, the rest zeros."""
    return b'{"dataframe_split": {"data": [[' + b"0," * 783 + pixel + b"]]}}"


def post(url: str, body: bytes, **headers: str) -> requests.Response:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(f"{url}/predict", data=body, headers=headers, timeout=DEADLINE)


def assert_alive(url: str) -> None:
    assert requests.get(f"{url}/health/ready", timeout=DEADLINE).json()["ready"] is True
    assert post(url, BODY).status_code == 200


NO_PIXELS = (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1", b"256", b"0.5", b"true", b"null")


@pytest.mark.parametrize("pixel", NO_PIXELS)
def test_row_33_nan_or_infinity_in_pixels(url: str, pixel: bytes) -> None:
    response = post(url, split(pixel))
    assert response.status_code == 422, response.text
    assert "error" in response.json()
    assert_alive(url)


def deflate_bomb(size: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(10**6)) for _ in range(size // 10**6)) + packer.flush()


BOMBS = {
    "gzip, 1 GB": (gzip.compress(gzip.compress(bytes(10**8))), {"Content_Encoding": "gzip"}, 400),
    "deflate, 1 GB": (deflate_bomb(10**9), {"Content_Encoding": "deflate"}, 413),
    "gzip, 500 MB": (gzip.compress(bytes(5 * 10**8), 1), {"Content_Encoding": "gzip"}, 413),
    "not gzip at all": (b"{}", {"Content_Encoding": "gzip"}, 400),
    "two encodings": (b"{}", {"Content_Encoding": "gzip, gzip"}, 415),
    "nested 100,000 deep": (b"[" * 100_000 + b"]" * 100_000, {}, 400),
    "objects 100,000 deep": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, {}, 400),
    "pixels 1,000 deep": (split(b"[" * 1000 + b"]" * 1000), {}, 400),
    "shape 1,000 deep": (
        b'{"dataframe_b64": {"dtype": "uint8", "shape": [' + b"[" * 1000 + b"]" * 1000 + b"]}}",
        {},
        400,
    ),
    "an integer of 5,000 digits": (split(b"9" * 5_000), {}, 422),
    "an id of 5,000 digits": (BODY.replace(b'"stop":1', b'"stop":' + b"9" * 5_000), {}, 400),
    "a shape that overflows": (BODY.replace(b"[1,784]", b"[1,9223372036854775807,784]"), {}, 422),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_row_36_bombs(url: str, bomb: str) -> None:
    body, headers, status = BOMBS[bomb]
    assert len(body) < LIMIT
    response = post(url, body, **headers)
    assert response.status_code == status, response.text
    assert "error" in response.json()
    assert_alive(url)


def test_row_37_slow_clients_hold_connections(url: str) -> None:
    """More connections than the server takes, each with half a request; then one that works."""
    address = urlsplit(url)
    half = (
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + BODY[:99]
    )
    with ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection((address.hostname, address.port), 10))
            for _ in range(120)
        ]
        for connection in slow:
            connection.sendall(half)
        for _ in range(3):
            assert_alive(url)
            for connection in slow[-10:]:
                with suppress(OSError):  # whoever sends a byte now and then may be cut off
                    connection.sendall(b"x")


PATHS = (
    "../G1",
    "..%2FG1",
    "%2e%2e/G1",
    "..",
    "/etc/passwd",
    "%2Fetc%2Fpasswd",
    "C:%5CWindows",
    "..%5CG1",
    "CON",
    "con.txt",
    "lpt1",
    "a%00b",
    "G1%0A",
    "~root",
)


@pytest.mark.parametrize("path", PATHS)
def test_row_39_names_that_are_paths(url: str, path: str) -> None:
    """Sent as it is: a well-behaved HTTP library would tidy such a path before it leaves."""
    address = urlsplit(url)
    for method, target in (("GET", f"/v2/models/{path}"), ("POST", f"/models/{path}/predict")):
        connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=DEADLINE
        )
        with closing(connection):
            connection.putrequest(method, target, skip_host=True)
            connection.putheader("Host", "localhost")
            connection.putheader("Content-Length", "0")
            connection.endheaders()
            response = connection.getresponse()
            assert (response.status, b"no path" in response.read()) == (400, True)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="not run here: reads /proc")
def test_row_39_nothing_is_read(url: str) -> None:
    """Whatever is asked for by such names, the server opens no file."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in PATHS:
        requests.get(f"{url}/v2/models/{path}", timeout=DEADLINE)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


NAMES: list[str | int] = [f"pixel{number}" for number in range(1, 785)]
ORDERS: dict[str, list[int]] = {
    "as it is": list(range(784)),
    "reversed": list(range(783, -1, -1)),
    "sorted as text": sorted(range(784), key=lambda place: str(NAMES[place])),
    "by columns of the picture": [28 * (place % 28) + place // 28 for place in range(784)],
}


def named(names: list[Any], order: list[int]) -> bytes:
    """Return a request of one row whose columns stand in ``order``, with their names."""
    row = PIXELS[0].tolist()
    data = [[row[place] for place in order]]
    split = {"columns": [names[place] for place in order], "data": data}
    return orjson.dumps({"dataframe_split": split})


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("names", [NAMES, list(range(784)), [str(n) for n in range(1, 785)]])
def test_row_53_columns_in_another_order(url: str, order: str, names: list[Any]) -> None:
    response = post(url, named(names, ORDERS[order]))
    assert response.status_code == 200, response.text
    assert response.json()["predictions"] == post(url, BODY).json()["predictions"]


STRANGE_NAMES: dict[str, list[Any]] = {
    "all the same": ["pixel1"] * 784,
    "one doubled": [*NAMES[:-1], "pixel1"],
    "one foreign": ["label", *NAMES[1:]],
    "one too many": ["label", *NAMES],
    "two ways of counting": ["pixel0", *NAMES[1:]],
    "floats": [float(n) for n in range(784)],
    "null": [None] * 784,
}


@pytest.mark.parametrize("names", STRANGE_NAMES)
def test_row_53_doubled_and_foreign_columns(url: str, names: str) -> None:
    response = post(url, named(STRANGE_NAMES[names], ORDERS["reversed"]))
    assert response.status_code == 422, response.text
    assert response.json()["error"]["code"] == "invalid_pixels"
    assert "column" in response.json()["error"]["message"]


def block(**changes: Any) -> bytes:
    document = {"dtype": "uint8", "shape": [1, 784], "compression": None, "data": "AA=="}
    return orjson.dumps({"dataframe_b64": {**document, **changes}})


COSTLY = {
    "a shape of many huge sides": block(shape=[1] + [2**63 - 1] * 150_000),
    "a shape of many ones": block(shape=[1] * 1_500_000),
    "one long text among the pixels": split(b'"' + b"a" * 3_000_000 + b'"'),
    "many long texts": split(b'"' + b'","'.join([b"a" * 3_000] * 784) + b'"'),
    "one long text of wide letters": split(b'"' + "\U0001f600".encode() * 700_000 + b'"'),
    "a name of a column": split(b"0").replace(
        b'{"data"', b'{"columns": ["' + b"x" * 10**6 + b'"], "data"'
    ),
    "an id of a megabyte": BODY.replace(b'{"start":0,"stop":1}', b'["' + b"x" * 10**6 + b'"]'),
    "far more ids than rows": BODY.replace(b'{"start":0,"stop":1}', b"[" + b"0," * 10**6 + b"0]"),
    "a block longer than its shape": block(data="A" * 3_000_000),
    "lists without end": b'{"dataframe_split": {"data": [' + b"[]," * 1_000_000 + b"[]]}}",
    "lists in a row": split(b",".join([b"[]"] * 1_000_000)),
    "a zlib bomb in a block": block(
        shape=[20_000, 784], compression="zlib", data=b64encode(deflate_bomb(10**9)).decode()
    ),
}


@pytest.mark.parametrize("cost", COSTLY)
def test_row_57_a_short_request_that_costs_much(url: str, cost: str) -> None:
    """Counted in the process's own seconds: another program's work is not the request's."""
    packed = gzip.compress(COSTLY[cost])
    assert len(packed) < LIMIT
    with work_of_at_most(2):
        response = post(url, packed, Content_Encoding="gzip")
    assert 400 <= response.status_code < 500, response.text[:500]
    assert len(response.content) < 1_000
    assert_alive(url)
