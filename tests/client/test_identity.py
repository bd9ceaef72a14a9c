"""Who answers? Strangers and servers of a session, over real sockets."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import requests

from client.identity import InSession, redirected
from client.retry_policy import reason
from client.server_link import ServerLink
from scoring.processes.managed_server import ManagedServer
from scoring.protocol.errors import HttpRefusal, StrangerOnPort
from scoring.protocol.identity import SessionSecret
from scoring.protocol.metadata import READY_PATH
from scoring.settings import Settings, load_settings
from tests.client.conftest import KEY, SECRET, client_of, score
from tests.client.lying_server import Answer, answering
from tests.client.stranger import FORGED, stranger_at
from tests.conftest import garment_pixels
from tests.deadlines import DEADLINE


@contextmanager
def saying(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Answer whatever comes with these bytes and hang up; yield the URL, and what came."""
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    heard.append(connection.recv(65_536))
                    connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heard
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_within_a_session_everything_is_proved_and_no_key_is_needed(url: str) -> None:
    with client_of(url, SECRET) as client:
        assert len(score(client)) == 5
    with client_of(url, api_key=KEY) as by_hand:
        assert len(score(by_hand)) == 5


def test_who_has_neither_secret_nor_key_is_refused(url: str) -> None:
    with client_of(url) as client, pytest.raises(HttpRefusal, match="answered 401"):
        score(client)
    with client_of(url, SessionSecret("another")) as client, pytest.raises(StrangerOnPort):
        score(client)


def test_a_stranger_gets_no_pixels_no_key_and_is_not_believed() -> None:
    with stranger_at() as stranger, client_of(stranger.url, SECRET, KEY) as client:
        for _ in range(3):
            with pytest.raises(StrangerOnPort):
                client.signature()
    assert {heard.path for heard in stranger.heard} == {"/health/ready"}
    assert not any(heard.body for heard in stranger.heard)
    assert not stranger.has_heard(KEY)
    assert not stranger.has_heard(SECRET.reveal())


def test_a_pooled_connection_that_is_reopened_to_a_stranger_carries_nothing(
    settings: Settings,
) -> None:
    """The server dies between two requests, and he has its port before the second."""
    with ManagedServer(load_settings(server={"api_key": KEY}), port=0) as server:
        server.start()
        server.wait_until_ready()
        client = ServerLink(
            server.url, connect_seconds=5, read_seconds=20, api_key=KEY, secret=server.secret
        )
        signature = client.signature()
        client.predict(signature, range(5), garment_pixels(5), "r/0/0")
    with stranger_at(server.port) as stranger:
        with pytest.raises(StrangerOnPort):
            client.predict(signature, range(5), garment_pixels(5), "r/0/1")
        client.close()
    assert [(heard.path, heard.body) for heard in stranger.heard] == [("/health/ready", b"")]
    assert not stranger.has_heard(KEY)
    assert not stranger.has_heard(server.secret.reveal())


@pytest.mark.parametrize("status", [401, 413, 429, 500, 503])
def test_an_error_of_a_stranger_is_a_strangers(status: int) -> None:
    """It halves no chunk, is waited for no longer and is not taken for the server's word."""
    told: Answer = (status, b'{"error": {"message": "smaller, please"}}', {"Retry-After": "900"})
    with answering(lambda *_: told) as url, client_of(url, SECRET) as client:
        with pytest.raises(StrangerOnPort):
            client.check_identity()


def test_by_hand_the_key_goes_only_to_what_says_that_it_is_a_scoring_server() -> None:
    with stranger_at() as other, client_of(other.url, api_key=KEY) as client:
        score(client)
    first = other.heard[0]
    assert (first.path, "authorization" in first.headers) == ("/health/ready", False)
    keys = {heard.headers.get("authorization") for heard in other.heard if heard.path != first.path}
    assert keys == {f"Bearer {KEY}"}
    assert not any(
        "authorization" in heard.headers for heard in other.heard if heard.path == first.path
    )


def test_by_hand_whatever_else_listens_gets_no_key() -> None:
    seen: list[str] = []

    def answer(method: str, path: str, body: bytes) -> Answer:
        seen.append(path)
        return 200, b"<html>It works!</html>", {}

    with answering(answer) as url, client_of(url, api_key=KEY) as client:
        with pytest.raises(StrangerOnPort):
            client.signature()
    assert set(seen) == {"/health/ready"}


def test_by_hand_a_key_never_follows_a_redirect() -> None:
    with stranger_at() as elsewhere:

        def answer(method: str, path: str, body: bytes) -> Answer:
            if path == "/health/ready":
                return 200, requests.get(elsewhere.url + path, timeout=DEADLINE).content, {}
            return 307, b"", {"Location": elsewhere.url + path}

        with answering(answer) as url, client_of(url, api_key=KEY) as client:
            with pytest.raises(HttpRefusal, match="307"):
                client.signature()
    assert not elsewhere.has_heard(KEY)


def test_somebody_who_never_answers_a_greeting_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = ServerLink(
            f"http://127.0.0.1:{silent.getsockname()[1]}",
            connect_seconds=5,
            read_seconds=0.1,
            secret=SECRET,
        )
        with pytest.raises(requests.exceptions.ReadTimeout):
            client.check_identity()
        client.close()


def test_by_hand_who_hangs_up_at_the_greeting_is_told_to() -> None:
    """He was said to have given no answer in time, within a millisecond."""
    with saying(b"") as (url, _), client_of(url, api_key=KEY) as client:
        with pytest.raises(requests.exceptions.ConnectionError) as error:
            client.signature()
    assert reason(error.value) == "it hung up before it had answered"


def test_the_forged_figure_is_one_that_no_model_says() -> None:
    with stranger_at() as stranger, client_of(stranger.url) as client:
        answer = client.predict(client.signature(), range(1), garment_pixels(1), "r")
    assert answer.response.predictions[0].confidence == FORGED


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.6\r\n", b"220 mail.example ESMTP\r\n"])
def test_within_a_session_who_speaks_no_http_is_a_stranger(answer: bytes) -> None:
    with saying(answer) as (url, heard), client_of(url, SECRET) as client:
        with pytest.raises(StrangerOnPort, match="speaks no HTTP"):
            client.check_identity()
    assert len(heard) == 1


def test_within_a_session_who_hangs_up_may_be_a_server_that_just_ends() -> None:
    """That heals with the next one, so it is no stranger, who would be told to the user."""
    with saying(b"") as (url, _), client_of(url, SECRET) as client:
        with pytest.raises(requests.exceptions.ConnectionError):
            client.check_identity()


def test_an_answer_is_believed_to_the_question_it_was_given_to_and_as_it_was(url: str) -> None:
    """Whoever recorded a true answer has nothing to say to the next question."""
    identity = InSession(SECRET, 20)
    signed = identity.sign("GET", READY_PATH, b"")
    answer = requests.get(url + READY_PATH, headers=signed, timeout=DEADLINE)
    identity.check(signed, 200, answer.headers, answer.content)
    for asked, status, body in (
        (identity.sign("GET", READY_PATH, b""), 200, answer.content),
        (signed, 503, answer.content),
        (signed, 200, answer.content.replace(b"true", b"false")),
    ):
        with pytest.raises(StrangerOnPort):
            identity.check(asked, status, answer.headers, body)
    with pytest.raises(StrangerOnPort):
        identity.check(signed, 200, {}, answer.content)


def test_by_hand_who_took_the_port_and_says_nothing_gets_nothing(url: str) -> None:
    """A pool reopens its connection to whatever listens there by now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = ServerLink(silent, connect_seconds=0.2, read_seconds=0.2, api_key=KEY)
        with client_of(url, api_key=KEY) as real:
            signature = real.signature()
        with pytest.raises(requests.exceptions.ReadTimeout):
            client.predict(signature, range(5), garment_pixels(5), "r/0/0")
        client.close()
        listener.settimeout(0.0)
        came = b""
        with suppress(BlockingIOError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    came += connection.recv(65_536)
    assert came.startswith(b"GET /health/ready")
    assert b"predict" not in came
    assert KEY.encode() not in came


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://other.example/health/ready?x=1", "to https://other.example; give"),
        ("/below/health/ready", "to http://scores.example/below; give"),
        ("http://[no-url", r"to http://\[no-url; give"),
        ("https://other.example/\x1b[2J", r"to https://other.example/[^\x1b]*; give"),
    ],
)
def test_a_redirect_is_told_in_one_clear_line(location: str, told: str) -> None:
    error = redirected(308, "http://scores.example", "/health/ready", location)
    assert re.search(told, str(error))
    assert error.status == 308
