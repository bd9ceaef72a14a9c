"""Past capacity callers are told so at once; who waits, waits for requests of his own size.

A model that is held by an event stands for one that is slow.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import orjson
import pytest
import requests
from numpy.typing import NDArray

from scoring.inference.predictions import Predictions
from scoring.inference.predictor import Predictor
from scoring.protocol.prediction import encode_request
from scoring.settings import Settings
from tests.conftest import BUNDLE, garment_pixels, running_server
from tests.deadlines import DEADLINE
from tests.server.raw import ask, code, connected, head, read_answer

PATIENCE = DEADLINE
LARGE_ROWS = 64
SMALL = encode_request(range(1), garment_pixels(1), None)
LARGE = encode_request(range(LARGE_ROWS), garment_pixels(LARGE_ROWS), None)
# One of each is worked on, so many more may wait.
SMALL_WAITING, LARGE_WAITING = 3, 2
LIMITS = {
    "threads": 1,
    "waiting": SMALL_WAITING,
    "large_request_bytes": 10_000,
    "large_threads": 1,
    "large_waiting": LARGE_WAITING,
}


@dataclass
class Held:
    """Requests of these sizes stay with the model until they are let go."""

    rows: set[int] = field(default_factory=set)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    let_go: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    gate, predict = Held(), Predictor.predict

    def slow(predictor: Predictor, pixels: NDArray[np.uint8]) -> Predictions:
        if len(pixels) in gate.rows:
            gate.begun.release()
            assert gate.let_go.wait(PATIENCE)
        return predict(predictor, pixels)

    monkeypatch.setattr(Predictor, "predict", slow)
    yield gate
    gate.let_go.set()


@pytest.fixture
def url(held: Held) -> Iterator[str]:
    with running_server(Settings(project=BUNDLE.parent, server=LIMITS)) as url:
        yield url
        held.let_go.set()


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as threads:
        yield threads


def post(url: str, body: bytes) -> requests.Response:
    return requests.post(f"{url}/predict", data=body, timeout=PATIENCE)


def first_answers(asked: list[Future[requests.Response]], count: int) -> list[requests.Response]:
    """Wait for so many answers, while all places are taken."""
    return [one.result() for one in islice(as_completed(asked, PATIENCE), count)]


def test_large_requests_hold_up_no_small_one(
    url: str, held: Held, callers: ThreadPoolExecutor
) -> None:
    held.rows = {LARGE_ROWS}
    asked = [callers.submit(post, url, LARGE) for _ in range(1 + LARGE_WAITING)]
    assert held.begun.acquire(timeout=PATIENCE)
    for _ in range(20):
        assert post(url, SMALL).status_code == 200
    assert not any(one.done() for one in asked)
    held.let_go.set()
    assert [one.result(PATIENCE).status_code for one in asked] == [200] * len(asked)


@pytest.mark.parametrize(
    ("body", "rows", "waiting"), [(SMALL, 1, SMALL_WAITING), (LARGE, LARGE_ROWS, LARGE_WAITING)]
)
def test_whoever_would_wait_behind_too_many_is_told_at_once(
    url: str, held: Held, callers: ThreadPoolExecutor, body: bytes, rows: int, waiting: int
) -> None:
    held.rows = {rows}
    first = callers.submit(post, url, body)
    assert held.begun.acquire(timeout=PATIENCE)
    too_many = 4
    asked = [callers.submit(post, url, body) for _ in range(waiting + too_many)]
    for answer in first_answers(asked, too_many):
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "busy"
        assert answer.headers["Retry-After"] == "1"
    held.let_go.set()
    statuses = Counter(one.result(PATIENCE).status_code for one in [first, *asked])
    assert statuses == {200: 1 + waiting, 503: too_many}
    assert post(url, body).status_code == 200


def test_health_is_told_however_many_wait(
    url: str, held: Held, callers: ThreadPoolExecutor
) -> None:
    held.rows = {1, LARGE_ROWS}
    asked = [callers.submit(post, url, body) for body in [SMALL, LARGE] * 6]
    for _ in range(2):
        assert held.begun.acquire(timeout=PATIENCE)
    for path in ("/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"):
        assert requests.get(url + path, timeout=PATIENCE).status_code == 200
    assert "scoring_queue_wait_seconds" in requests.get(f"{url}/metrics", timeout=PATIENCE).text
    held.let_go.set()
    assert {one.result(PATIENCE).status_code for one in asked} == {200, 503}


def test_who_is_turned_away_keeps_his_connection(
    url: str, held: Held, callers: ThreadPoolExecutor
) -> None:
    held.rows = {LARGE_ROWS}
    asked = [callers.submit(post, url, LARGE) for _ in range(8)]
    assert held.begun.acquire(timeout=PATIENCE)
    first_answers(asked, len(asked) - 1 - LARGE_WAITING)
    with connected(url) as connection:
        # How large a chunked one is, shows only when it has come.
        large = b"%x\r\n%b\r\n0\r\n\r\n" % (len(LARGE), LARGE)
        for _ in range(2):
            connection.sendall(head("Transfer-Encoding: chunked") + large)
            status, headers, _ = read_answer(connection)
            assert status == 503
            assert "retry-after" in headers
            assert "connection" not in headers
            connection.sendall(head(f"Content-Length: {len(SMALL)}") + SMALL)
            assert read_answer(connection)[0] == 200
    held.let_go.set()


def test_a_large_body_is_refused_before_it_comes(
    url: str, held: Held, callers: ThreadPoolExecutor
) -> None:
    held.rows = {LARGE_ROWS}
    asked = [callers.submit(post, url, LARGE) for _ in range(8)]
    assert held.begun.acquire(timeout=PATIENCE)
    first_answers(asked, len(asked) - 1 - LARGE_WAITING)
    status, headers, body = ask(url, head(f"Content-Length: {len(LARGE)}"))
    assert (status, code(body)) == (503, "busy")
    assert int(headers["retry-after"]) > 0
    held.let_go.set()


def test_a_caller_is_turned_away_in_his_own_dialect(
    url: str, held: Held, callers: ThreadPoolExecutor
) -> None:
    held.rows = {1}
    asked = [callers.submit(post, url, SMALL) for _ in range(8)]
    assert held.begun.acquire(timeout=PATIENCE)
    first_answers(asked, len(asked) - 1 - SMALL_WAITING)
    path = "/v2/models/fashion/infer"
    status, _, body = ask(url, head("Content-Length: 2", target=path) + b"{}")
    assert status == 503
    assert isinstance(orjson.loads(body)["error"], str)
    status, _, body = ask(url, head("Content-Length: 2") + b"{}")
    assert (status, code(body)) == (503, "busy")
    held.let_go.set()


def test_a_chunked_body_is_as_large_as_it_came(
    url: str, held: Held, callers: ThreadPoolExecutor
) -> None:
    held.rows = {LARGE_ROWS}
    asked = [callers.submit(post, url, LARGE) for _ in range(1 + LARGE_WAITING)]
    assert held.begun.acquire(timeout=PATIENCE)
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMALL), SMALL)
    assert ask(url, head("Transfer-Encoding: chunked") + chunked)[0] == 200
    held.let_go.set()
    assert [one.result(PATIENCE).status_code for one in asked] == [200] * len(asked)
