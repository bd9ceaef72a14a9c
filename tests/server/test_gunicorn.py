"""Under gunicorn: the command as it is documented, its workers, its limits, and how it stops."""

from __future__ import annotations

import gzip
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson
import pytest
import requests

from scoring.protocol.prediction import encode_request
from scoring.settings import CODE_ROOT
from tests.conftest import BUNDLE, garment_pixels
from tests.deadlines import DEADLINE, wait_for
from tests.scoring.processes.process_list import project_processes
from tests.server.gunicorn_process import Gunicorn, started
from tests.server.raw import ask, code, connected, head, read_answer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="gunicorn is for POSIX systems"),
]

KEY = {"Authorization": "Bearer s3cret"}
KEY_LINE = "Authorization: Bearer s3cret"
LIMIT = 1_000_000
BODY = encode_request(range(20), garment_pixels(20), None)
SETTINGS = {
    "SCORING_SERVER__API_KEY": "s3cret",
    "SCORING_SERVER__MAX_REQUEST_BYTES": str(LIMIT),
    "SCORING_SERVER__MODELS": f'["{BUNDLE}"]',
}


@pytest.fixture(scope="module")
def gunicorn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    with started(tmp_path_factory.mktemp("gunicorn"), "--workers", "2", settings=SETTINGS) as one:
        yield one


@pytest.fixture(scope="module")
def url(gunicorn: Gunicorn) -> str:
    return gunicorn.url()


def post(url: str, body: object, **headers: str) -> requests.Response:
    return requests.post(f"{url}/predict", data=body, headers={**KEY, **headers}, timeout=DEADLINE)  # type: ignore[arg-type]


def test_every_worker_scores_alike(url: str) -> None:
    asked: dict[int, object] = {}

    def both_have_answered() -> bool:
        with requests.Session() as session:
            pid = session.get(f"{url}/health/ready", timeout=DEADLINE).json()["pid"]
            answer = session.post(f"{url}/predict", data=BODY, headers=KEY, timeout=DEADLINE)
            asked[pid] = answer.json()["predictions"]
        return len(asked) == 2

    wait_for(both_have_answered, "answers of both workers")
    first, second = asked.values()
    assert first == second
    assert len(list(first)) == 20  # type: ignore[call-overload]


def test_each_request_is_a_line(gunicorn: Gunicorn, url: str) -> None:
    answer = requests.get(f"{url}/no/such?key=s3cret", headers=KEY, timeout=DEADLINE)
    assert answer.status_code == 404
    wait_for(
        lambda: bool(gunicorn.said(r"127\.0\.0\.1 GET /no/such 404 ")), "the line of a request"
    )
    assert gunicorn.said("s3cret") == []


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_the_key_is_asked_for(url: str, headers: dict[str, str]) -> None:
    answer = requests.post(f"{url}/predict", data=bytes(900_000), headers=headers, timeout=DEADLINE)
    assert (answer.status_code, code(answer.content)) == (401, "unauthorized")
    assert requests.get(f"{url}/health/live", timeout=DEADLINE).status_code == 200


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 10_000):
        yield bytes(10_000)


@pytest.mark.parametrize("size", [LIMIT + 10_000, 8 * LIMIT])
def test_a_body_has_the_same_limit_however_it_is_framed(url: str, size: int) -> None:
    for body in (bytes(size), chunks(size)):
        answer = post(url, body)
        assert (answer.status_code, answer.json()["error"]["limit"]) == (413, LIMIT)


def test_a_chunked_body_is_read(url: str) -> None:
    answer = post(url, iter([BODY[:100], BODY[100:]]))
    assert len(answer.json()["predictions"]) == 20


@pytest.mark.parametrize("chunk", [b"zz\r\nabc\r\n", b"-1\r\nabc\r\n", b"2\r\nabcd\r\n0\r\n\r\n"])
@pytest.mark.parametrize("key", [KEY_LINE, "Authorization: Bearer wrong"])
def test_a_chunk_that_is_none_is_no_error_of_the_server(url: str, chunk: bytes, key: str) -> None:
    status, _, body = ask(url, head("Transfer-Encoding: chunked", key) + chunk)
    wanted = (400, "bad_request") if key == KEY_LINE else (401, "unauthorized")
    assert (status, code(body)) == wanted


@pytest.mark.parametrize("framed", ["a length", "chunks"])
def test_a_body_that_was_cut_short_is_scored_in_no_part(url: str, framed: str) -> None:
    rows = b"".join(b",".join([b"0"] * 784) + b"\n" for _ in range(3))
    lines = ["Content-Type: text/csv; header=absent", KEY_LINE]
    if framed == "a length":
        request = head(*lines, f"Content-Length: {len(rows) + 1}") + rows
    else:
        request = head(*lines, "Transfer-Encoding: chunked") + b"%x\r\n%b\r\n" % (len(rows), rows)
    with connected(url) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        status, _, body = read_answer(connection)
    assert (status, code(body)) == (400, "bad_request")
    assert "cut short" in body.decode()


def test_a_chunk_that_is_none_is_none_of_a_key_either(url: str) -> None:
    lines = ["Transfer-Encoding: chunked", "Content-Type: application/x-www-form-urlencoded"]
    own = [f"Host: {url.removeprefix('http://')}", f"Origin: {url}"]
    assert ask(url, head(*lines, *own, target="/login") + b"zz\r\nabc\r\n")[0] == 400


def test_a_bomb_of_gzip_is_refused(url: str) -> None:
    answer = post(url, gzip.compress(bytes(500 * LIMIT)), **{"Content-Encoding": "gzip"})
    assert (answer.status_code, code(answer.content)) == (413, "too_large")


def test_a_bomb_of_json_is_refused(url: str) -> None:
    for bomb in (b"[" * 900_000, b'{"dataframe_split":' + b'{"data":' * 100_000):
        answer = post(url, bomb)
        assert (answer.status_code, code(answer.content)) == (400, "too_deep")


REFUSED = {
    "no key": (401, "/predict", ["Authorization: Bearer wrong"]),
    "no model": (404, "/models/nobody/predict", []),
    "no path": (404, "/nowhere", []),
    "no such method": (405, "/health/live", []),
    "no such type": (415, "/predict", ["Content-Type: text/html"]),
    "no pixels": (400, "/predict", []),
}


@pytest.mark.parametrize("why", REFUSED)
@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_refused_unread_costs_the_next_request_nothing(
    url: str, why: str, chunked: bool
) -> None:
    """On the same connection, which gunicorn would close without a word."""
    wanted, target, lines = REFUSED[why]
    body = b"x" * (LIMIT - 50_000)
    if chunked:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    key = [] if any("Authorization" in line for line in lines) else [KEY_LINE]
    with connected(url) as connection:
        for _ in range(2):
            connection.sendall(head(framing, *key, *lines, target=target) + body)
            assert read_answer(connection)[0] == wanted
        connection.sendall(head(f"Content-Length: {len(BODY)}", KEY_LINE) + BODY)
        assert read_answer(connection)[0] == 200


def test_past_the_memory_a_large_request_is_told_to_come_again(tmp_path: Path) -> None:
    """Four bodies that may become a million bytes, each, are on their way."""
    settings = {**SETTINGS, "SCORING_SERVER__MAX_MEMORY_BYTES": str(3 * LIMIT)}
    large = encode_request(range(500), garment_pixels(500), None)
    with started(tmp_path, "--workers", "1", settings=settings) as one, ExitStack() as stack:
        url = one.url()
        assert post(url, large).status_code == 200
        for _ in range(4):
            connection = stack.enter_context(connected(url))
            connection.sendall(head("Authorization: Bearer s3cret", "Transfer-Encoding: chunked"))
            connection.sendall(b"5\r\nbegun\r\n")
        wait_for(lambda: post(url, large).status_code == 503, "no room for a large request")
        answer = post(url, large)
        assert (code(answer.content), "Retry-After" in answer.headers) == ("full", True)
        assert post(url, BODY).status_code == 200


@pytest.mark.parametrize("worker", ["gthread", "sync"])
def test_told_to_stop_it_answers_what_it_has_begun(tmp_path: Path, worker: str) -> None:
    with started(tmp_path, "--worker-class", worker, settings=SETTINGS) as one:
        with connected(one.url()) as connection:
            length = f"Content-Length: {len(BODY)}"
            connection.sendall(head(length, "Authorization: Bearer s3cret", "Expect: 100-continue"))
            assert connection.recv(100).startswith(b"HTTP/1.1 100")
            one.process.terminate()
            wait_for(lambda: bool(one.said("Handling signal: term")), "gunicorn to be stopping")
            connection.sendall(BODY)
            status, _, body = read_answer(connection)
        assert (status, len(orjson.loads(body)["predictions"])) == (200, 20)
        assert one.process.wait(DEADLINE) == 0
        assert project_processes(tmp_path) == {}


REFUSALS = {
    "no key": ([], {"SCORING_SERVER__API_KEY": ""}, "wants a key: set SCORING_SERVER__API_KEY"),
    "wrong setting": ([], {"SCORING_SERVER__THREADS": "-1"}, "setting server.threads = '-1'"),
    "no model": ([], {"SCORING_SERVER__MODELS": '["nowhere"]'}, "nowhere"),
    "preload": (["--preload"], {}, "leave out --preload"),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_what_can_never_work_is_one_line_and_the_end(tmp_path: Path, why: str) -> None:
    flags, changed, line = REFUSALS[why]
    with started(tmp_path, *flags, settings={**SETTINGS, **changed}) as one:
        assert one.process.wait(DEADLINE) != 0
        (error,) = one.said("(?m)^error: (.*)$")
        assert line in error
        assert one.said("Traceback|Booting worker") == []


def test_without_its_file_it_ends_too(tmp_path: Path) -> None:
    with started(
        tmp_path, "--config", os.devnull, settings={**SETTINGS, "SCORING_SERVER__API_KEY": ""}
    ) as one:
        assert one.process.wait(DEADLINE) != 0
        assert "wants a key" in one.said("(?m)^error: (.*)$")[0]


def test_the_procfile_starts_the_documented_command(tmp_path: Path) -> None:
    line = (CODE_ROOT / "Procfile").read_text(encoding="utf-8")
    kind, command = line.strip().split(": ", 1)
    assert kind == "web"
    shown = subprocess.run(
        ["sh", "-c", command.replace("gunicorn", "printf '%s|'", 1)],
        env={"PORT": "8000", "WEB_CONCURRENCY": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = ["server:create_app()", "-b", "0.0.0.0:8000", "--workers", "3", "--timeout", "600", ""]
    assert shown.stdout.split("|") == wanted
