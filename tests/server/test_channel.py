"""Connections whose callers do not do their part: they cost the others nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest
import requests
from waitress import wasyncore

from scoring.protocol.prediction import encode_request
from scoring.settings import Settings
from server.channel import Channel
from server.http_server import Listener
from tests.conftest import BUNDLE, garment_pixels, running_server
from tests.deadlines import DEADLINE
from tests.server.raw import ask, connected, head, read_answer

THREADS = 2
CONNECTIONS = 20
# Black images pack well, and each comes back with its long name: a small request, a large answer.
NAMES = [f"{number:0990}" for number in range(2_000)]
WORDY = encode_request(NAMES, np.zeros((len(NAMES), 784), np.uint8), "zlib")
BODY = encode_request(range(1), garment_pixels(1), None)


@pytest.fixture
def url() -> Iterator[str]:
    settings = Settings(project=BUNDLE.parent, server={"threads": THREADS})
    with running_server(settings) as url:
        yield url


def post(body: bytes) -> bytes:
    return head(f"Content-Length: {len(body)}") + body


def test_answers_that_nobody_fetches_stop_no_thread(url: str) -> None:
    """More connections than threads, each with a large answer in its way and a request behind."""
    behind = head(target="/health/live", method="GET")
    with ExitStack() as stack:
        for _ in range(2 * THREADS):
            connection = stack.enter_context(connected(url))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(post(WORDY) + behind)
        for _ in range(20):
            assert requests.get(f"{url}/health/ready", timeout=DEADLINE).status_code == 200
            assert ask(url, post(BODY))[0] == 200


def test_a_caller_who_fetches_late_gets_his_whole_answer(url: str) -> None:
    with connected(url) as connection:
        connection.sendall(post(WORDY))
        assert ask(url, post(BODY))[0] == 200
        status, _, body = read_answer(connection)
    assert status == 200
    assert [row["id"] for row in orjson.loads(body)["predictions"]] == NAMES


def test_the_loop_sleeps_while_a_thread_sends(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would spin on a socket with room, and the thread would wait for its lock."""
    send, is_readable = wasyncore.dispatcher.send, Listener.readable
    began, may_end, turns = threading.Event(), threading.Event(), Counter[str]()

    def slowly(channel: Channel, *arguments: Any, **options: Any) -> int:
        if threading.current_thread().name != "http" and not began.is_set():
            began.set()
            assert may_end.wait(DEADLINE)
        return int(send(channel, *arguments, **options))

    def counted(listener: Listener) -> bool:
        turns["turns"] += 1
        return bool(is_readable(listener))

    monkeypatch.setattr(wasyncore.dispatcher, "send", slowly)
    monkeypatch.setattr(Listener, "readable", counted)
    with connected(url) as connection:
        connection.sendall(post(BODY))
        assert began.wait(DEADLINE)
        assert ask(url, head(target="/health/live", method="GET"))[0] == 200
        before = turns["turns"]
        time.sleep(0.3)
        after = turns["turns"]
        may_end.set()
        assert read_answer(connection)[0] == 200
    assert after - before < 20


def test_requests_that_come_together_are_answered_in_order(url: str) -> None:
    bodies = [encode_request([number], garment_pixels(1), None) for number in range(20)]
    with connected(url) as connection:
        connection.sendall(b"".join(map(post, bodies)))
        for number in range(20):
            status, _, body = read_answer(connection)
            assert status == 200
            assert orjson.loads(body)["predictions"][0]["id"] == number


def test_what_comes_behind_a_refusal_is_not_answered(url: str) -> None:
    """It may be the refused request's body, which somebody made look like another request."""
    hidden = head(target="/openapi.json", method="GET")
    with connected(url) as connection:
        connection.sendall(head("Content-Length: 99999999") + hidden * 3)
        assert read_answer(connection)[0] == 413
        assert connection.recv(1) == b""


def test_many_small_requests_on_one_connection(url: str) -> None:
    with requests.Session() as session:
        for number in range(500):
            method, path = (
                (session.get, "/health/live") if number % 2 else (session.post, "/predict")
            )
            response = method(url + path, data=None if number % 2 else BODY, timeout=DEADLINE)
            assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    "target", ["http://localhost", "http://localhost/", "http://localhost?a=1"]
)
def test_an_address_without_a_path_is_the_front_page(url: str, target: str) -> None:
    status, headers, body = ask(url, head(target=target, method="GET"))
    assert (status, headers["content-type"]) == (200, "application/json")
    assert "endpoints" in orjson.loads(body)


@pytest.fixture
def narrow_url() -> Iterator[str]:
    """A server that keeps few connections, and cuts off those that are idle for longest."""
    settings = Settings(project=BUNDLE.parent, server={"connections": CONNECTIONS})
    with running_server(settings) as url:
        yield url


def is_open(connection: socket.socket) -> bool:
    """Tell whether the server has not closed a connection, whatever it said there before."""
    connection.setblocking(False)
    try:
        while connection.recv(65_536):
            pass
        return False
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def pieces(body: bytes, count: int) -> list[bytes]:
    size = -(-len(body) // count)
    return [body[start : start + size] for start in range(0, len(body), size)]


LARGE = encode_request(range(200), garment_pixels(100).repeat(2, axis=0), None)


@pytest.mark.parametrize("before", [0, 3 * CONNECTIONS], ids=["oldest", "youngest"])
@pytest.mark.parametrize("start", [b"", b"GET /hea"], ids=["silent", "begun"])
def test_an_upload_outlives_those_that_send_nothing(
    narrow_url: str, start: bytes, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However old it is, and however many others come while it is under way: a hundred a second."""
    now = 1000.0
    monkeypatch.setattr("server.channel.time", SimpleNamespace(monotonic=lambda: now))
    with ExitStack() as stack:

        def others(count: int) -> None:
            nonlocal now
            for _ in range(count):
                now += 0.01
                stack.enter_context(connected(narrow_url)).sendall(start)
            assert requests.get(f"{narrow_url}/health/live", timeout=DEADLINE).status_code == 200

        others(before)
        upload = stack.enter_context(connected(narrow_url))
        upload.sendall(head(f"Content-Length: {len(LARGE)}"))
        for piece in pieces(LARGE, 10):
            upload.sendall(piece)
            others(CONNECTIONS)
        assert read_answer(upload)[0] == 200


def test_a_request_that_has_begun_outlives_those_that_never_sent(
    narrow_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it pauses meanwhile, a second; but not for ever."""
    now = 1000.0
    monkeypatch.setattr("server.channel.time", SimpleNamespace(monotonic=lambda: now))
    with ExitStack() as stack:
        upload = stack.enter_context(connected(narrow_url))
        upload.sendall(head(f"Content-Length: {len(BODY)}") + BODY[:100])
        for _ in range(3 * CONNECTIONS):
            now += 1 / (3 * CONNECTIONS)
            stack.enter_context(connected(narrow_url))
        assert requests.get(f"{narrow_url}/health/live", timeout=DEADLINE).status_code == 200
        assert is_open(upload)
        now += 60
        for _ in range(2 * CONNECTIONS):
            stack.enter_context(connected(narrow_url))
        assert requests.get(f"{narrow_url}/health/live", timeout=DEADLINE).status_code == 200
        assert not is_open(upload)


@pytest.mark.parametrize("drop", [b"X", b"\r\n", b"X: y\r\n"])
def test_a_byte_now_and_then_is_no_progress(
    narrow_url: str, drop: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends it each 3 seconds goes before the one that came later and was silent since."""
    now = 1000.0
    monkeypatch.setattr("server.channel.time", SimpleNamespace(monotonic=lambda: now))
    with ExitStack() as stack:

        def ask() -> None:
            response = requests.get(f"{narrow_url}/health/live", timeout=DEADLINE)
            assert response.status_code == 200, response.text

        drops = [stack.enter_context(connected(narrow_url)) for _ in range(CONNECTIONS)]
        silent = []
        for _ in range(6):
            for connection in drops:
                with suppress(ConnectionError):
                    connection.sendall(drop)
            ask()
            now += 3
            silent.append(stack.enter_context(connected(narrow_url)))
            silent[-1].sendall(b"GET /health/live HTTP")
        ask()
        assert all(map(is_open, silent))
        assert not all(map(is_open, drops))
