from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scoring.processes.port_owner import free_port
from scoring.processes.readiness import FOREIGN, Peer, read_readiness
from scoring.protocol.identity import SessionSecret
from scoring.protocol.metadata import ServedModel
from scoring.settings import Settings
from tests.client.dripping_server import DRIPS, dripping_server
from tests.conftest import running_server

BODY = {
    "live": True,
    "ready": True,
    "models": [{"name": "fashion", "version": "f00d"}],
    "pid": 123,
}

Serve = Callable[[int, bytes], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that serves one answer to everything and returns the URL."""
    servers: list[ThreadingHTTPServer] = []

    def serve(status: int, body: bytes) -> str:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/health/ready" else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_reads_what_a_ready_server_says(serve: Serve) -> None:
    answer = read_readiness(serve(200, json.dumps(BODY).encode()))
    assert answer == Peer(True, (ServedModel("fashion", "f00d"),), 123)


def test_503_and_ready_false_are_not_ready(serve: Serve) -> None:
    for status, ready in ((503, False), (503, True), (200, False)):
        answer = read_readiness(serve(status, json.dumps({**BODY, "ready": ready}).encode()))
        assert answer is not None
        assert (answer.ready, answer.foreign) == (False, False)


@pytest.mark.parametrize(
    "body", [b"<html>It works!</html>", b"{}", b"[]", b"null", b'{"live": true, "ready": 1}', b""]
)
def test_a_stranger_that_answers_200_is_foreign(serve: Serve, body: bytes) -> None:
    assert read_readiness(serve(200, body)) == FOREIGN


def test_nobody_there_and_somebody_silent_are_none() -> None:
    assert read_readiness(f"http://127.0.0.1:{free_port('127.0.0.1')}") is None
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert read_readiness(f"http://127.0.0.1:{silent.getsockname()[1]}", 0.1) is None


@pytest.mark.parametrize("what", DRIPS)
def test_somebody_who_never_ends_is_waited_for_once(what: str) -> None:
    with dripping_server(what) as url:
        assert read_readiness(url, 0.2) is None


def test_something_that_speaks_no_http_is_foreign() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail ready\r\n\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        assert read_readiness(f"http://127.0.0.1:{listener.getsockname()[1]}") == FOREIGN
        thread.join()


def test_the_secret_tells_our_server_from_another(settings: Settings) -> None:
    """The other one is the worst of strangers: the same software with the same model."""
    ours, other = SessionSecret.new(), SessionSecret.new()
    with running_server(settings, secret=ours) as url:
        peer = read_readiness(url, secret=ours)
        assert peer
        assert (peer.ready, peer.pid, peer.foreign) == (True, os.getpid(), False)
        assert read_readiness(url, secret=other) == FOREIGN
        assert read_readiness(url) == peer


def test_a_server_without_a_secret_belongs_to_no_session(settings: Settings) -> None:
    with running_server(settings) as url:
        assert read_readiness(url, secret=SessionSecret.new()) == FOREIGN
