"""A request is judged by its headers: what is refused never has its body taken in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import orjson
import pytest
import requests

from scoring.protocol.prediction import encode_request
from scoring.settings import Settings
from tests.conftest import BUNDLE, garment_pixels, running_server
from tests.deadlines import DEADLINE, wait_for
from tests.server.raw import ask, code, connected, head, read_answer

BODY = encode_request(range(1), garment_pixels(1), None)
KEY = "Authorization: Bearer s3cret"
LIMIT = 4_000_000
LARGE = head("Content-Length: 3900000", KEY) + bytes(3_900_000)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    settings = Settings(
        project=BUNDLE.parent,
        server={"api_key": "s3cret", "max_request_bytes": LIMIT, "max_memory_bytes": 30_000_000},
    )
    with running_server(settings) as url:
        yield url


@pytest.mark.parametrize("length", ["Content-Length: 3900000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("key", ["", "Authorization: Bearer wrong", "Authorization: Basic s3cret"])
def test_without_the_key_no_body_is_waited_for(url: str, length: str, key: str) -> None:
    lines = [length, key] if key else [length]
    status, headers, body = ask(url, head(*lines))
    assert (status, code(body)) == (401, "unauthorized")
    assert headers["www-authenticate"] == "Bearer"
    assert headers["connection"] == "close"


@pytest.mark.parametrize("target", ["/health/ready", "/health/live", "/nothing", "//health/live"])
def test_a_path_that_wants_no_key_takes_no_body_without_it(url: str, target: str) -> None:
    for method in ("GET", "POST"):
        status, _, _ = ask(url, head("Content-Length: 3900000", target=target, method=method))
        assert status == 401


def test_another_host_is_told_before_its_body(url: str) -> None:
    status, _, body = ask(url, head("Host: evil.example", "Content-Length: 3900000", KEY))
    assert (status, code(body)) == (400, "bad_host")


@pytest.mark.parametrize("length", [LIMIT + 1, 2 * LIMIT, 10**15, "9" * 5_000])
@pytest.mark.parametrize("more", [[], ["Expect: 100-continue"]])
def test_a_body_that_is_too_large_is_not_asked_for(
    url: str, length: int | str, more: list[str]
) -> None:
    status, _, body = ask(url, head(f"Content-Length: {length}", KEY, *more))
    if isinstance(length, int):
        assert (status, orjson.loads(body)["error"]["limit"]) == (413, LIMIT)
    assert status in (400, 413)


def test_whoever_waits_to_be_asked_for_the_body_is_asked(url: str) -> None:
    with connected(url) as connection:
        length = f"Content-Length: {len(BODY)}"
        connection.sendall(head(length, KEY, "Expect: 100-continue"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert read_answer(connection)[0] == 200


def test_who_is_refused_while_sending_comes_to_read_why(url: str) -> None:
    """A connection closed under a body that is still coming would take the answer with it."""
    for _ in range(5):
        response = requests.post(f"{url}/predict", data=bytes(3_900_000), timeout=DEADLINE)
        assert response.status_code == 401


def test_unfinished_bodies_have_a_bound_together(url: str) -> None:
    """Past it a large one is told to come again, and a small one is served."""
    half = head("Content-Length: 3900000", KEY) + bytes(100_000)
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(connected(url)).sendall(half)
        wait_for(lambda: ask(url, half)[0] == 503, "the bound")
        status, headers, body = ask(url, half)
        assert (status, code(body)) == (503, "full")
        assert int(headers["retry-after"]) > 0
        chunked = head("Transfer-Encoding: chunked", KEY)
        assert ask(url, chunked)[0] == 503
        assert ask(url, head(f"Content-Length: {len(BODY)}", KEY) + BODY)[0] == 200
        assert ask(url, head(method="GET", target="/health/ready"))[0] == 200
    # It is taken in, and no JSON.
    wait_for(lambda: ask(url, LARGE)[0] == 400, "room for a large body")


def test_what_was_taken_is_given_back(url: str) -> None:
    """Many more bodies than fit at once, one after the other, whatever becomes of them."""
    large = b" " * 3_000_000
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer s3cret"
        for _ in range(10):
            assert session.post(f"{url}/predict", data=large, timeout=DEADLINE).status_code == 400
            chunks = iter([large, large])
            assert session.post(f"{url}/predict", data=chunks, timeout=DEADLINE).status_code == 413
    for _ in range(10):
        with connected(url) as connection:
            connection.sendall(head("Content-Length: 3900000", KEY) + large)
    wait_for(lambda: ask(url, LARGE)[0] == 400, "room for a large body")


AMBIGUOUS = {
    "chunked and a length": head("Content-Length: 5", "Transfer-Encoding: chunked", KEY),
    "two lengths": head("Content-Length: 5", "Content-Length: 6", KEY),
    "a negative length": head("Content-Length: -1", KEY),
    "a signed length": head("Content-Length: +5", KEY),
    "a length in letters": head("Content-Length: five", KEY),
    "a length of other digits": head("Content-Length: \xb2", KEY),
    "chunked in HTTP/1.0": head(
        "Transfer-Encoding: chunked", "Content-Length: 5", KEY, version="1.0"
    ),
    "packed and chunked": head("Transfer-Encoding: gzip, chunked", KEY),
    "chunked twice": head("Transfer-Encoding: chunked, Chunked", KEY),
    "chunked in two lines": head("Transfer-Encoding: chunked", "TRANSFER-ENCODING: chunked", KEY),
    "chunked spelt otherwise": head("Transfer-Encoding: \x0bchunked", KEY),
    "a chunk that is none": head("Transfer-Encoding: chunked", KEY) + b"zz\r\nabc\r\n",
    "a chunk longer than it says": head("Transfer-Encoding: chunked", KEY) + b"2\r\nabcd\r\n",
    "a chunk's line without end": head("Transfer-Encoding: chunked", KEY) + b"1;" + b"x" * 8_000,
    "a header without a colon": head("Host localhost", "Content-Length: 0", KEY),
    "a header that is continued first": head(" folded", "Host: localhost", KEY),
    "no address": head(target="http://[::1/", method="GET"),
    "a small method": head(method="post"),
    "no request line": b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    "headers without end": head(*["X-Long: " + "x" * 8_000] * 10, KEY),
}


@pytest.mark.parametrize("request_", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_may_be_read_in_two_ways_is_refused(url: str, request_: bytes) -> None:
    with connected(url) as connection:
        connection.sendall(request_)
        status, headers, body = read_answer(connection)
        assert status in (400, 431, 501), body
        assert headers["content-type"] == "application/json"
        assert code(body)
        assert headers["connection"] == "close"
        assert connection.recv(1) == b""


# No blank line ends any of these, and none will come: their callers wait for the server's word.
HOPELESS = {
    "a TLS handshake": (bytes.fromhex("16030100c7010000c30303") + bytes(188), "http://"),
    "the first byte of one": (b"\x16", "http://"),
    "lines of LF alone": (b"GET /health/live HTTP/1.0\n\n", "CR LF"),
    "LF alone behind a good line": (b"GET / HTTP/1.1\r\nHost: localhost\n\n", "CR LF"),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", "Start line"),
    "a method in small letters": (b"get / HTTP/1.1\r\n", "Malformed HTTP method"),
}


@pytest.mark.parametrize("what", HOPELESS)
def test_what_can_become_no_request_is_refused_at_once(url: str, what: str) -> None:
    begun, told = HOPELESS[what]
    status, headers, body = ask(url, begun)
    assert (status, code(body)) == (400, "http_400")
    assert told in orjson.loads(body)["error"]["message"]
    assert headers["connection"] == "close"


def test_a_head_may_come_byte_by_byte(url: str) -> None:
    with connected(url) as connection:
        for byte in b"\r\n" + head(target="/health/live", method="GET"):
            connection.sendall(bytes([byte]))
        assert read_answer(connection)[0] == 200


@pytest.mark.parametrize("size", [LIMIT + 1, 2**64])
def test_a_chunk_that_says_it_is_too_large_is_not_waited_for(url: str, size: int) -> None:
    chunked = head("Transfer-Encoding: chunked", KEY)
    status, _, body = ask(url, chunked + b"5\r\nabcde\r\n%x\r\nabc" % (size - 5))
    assert (status, orjson.loads(body)["error"]["limit"]) == (413, LIMIT)


def test_a_chunked_body_in_http_1_0_is_not_taken_for_none(url: str) -> None:
    chunked = head("Transfer-Encoding: chunked", "Host: localhost", KEY, version="1.0")
    status, _, body = ask(url, chunked + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))
    assert (status, code(body)) == (400, "bad_request")
    assert "HTTP/1.1" in orjson.loads(body)["error"]["message"]
