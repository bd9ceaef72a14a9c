"""ServerLink against real servers and real strangers, over real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import requests

from client.server_link import ServerLink
from scoring.processes.managed_server import ManagedServer
from scoring.processes.port_owner import free_port
from scoring.protocol.errors import (
    BrokenAnswer,
    HttpRefusal,
    NoServer,
    StrangerOnPort,
)
from scoring.protocol.identity import SessionSecret
from scoring.protocol.metadata import ForeignAnswer
from scoring.protocol.prediction import RowPrediction
from scoring.settings import Settings, load_settings
from tests.client.lying_server import Answer, answering
from tests.client.stranger import FORGED, stranger_at
from tests.conftest import garment_pixels, running_server

SECRET = SessionSecret("of this session")
KEY = "the-key-of-the-shop"


@contextmanager
def client_of(
    url: str, secret: SessionSecret | None = None, api_key: str = ""
) -> Iterator[ServerLink]:
    client = ServerLink(url, connect_seconds=5, read_seconds=20, api_key=api_key, secret=secret)
    yield client
    client.close()


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    """Return the URL of this session's server, which others would need a key for."""
    with running_server(load_settings(server={"api_key": KEY}), SECRET) as url:
        yield url


def score(client: ServerLink, count: int = 5, seed: int = 0) -> list[str]:
    signature = client.signature()
    answer = client.predict(signature, range(count), garment_pixels(count, seed), "r/0/0")
    return [str(row.label) for row in answer.response.predictions]


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


def test_the_sessions_own_refusals_are_believed(settings: Settings) -> None:
    """By the application, and by what refuses a body before the application sees it."""
    small = load_settings(server={"max_request_bytes": 5_000})
    with running_server(small, SECRET) as url, client_of(url, SECRET) as client:
        signature = client.signature()
        for count in (6, 60):
            with pytest.raises(HttpRefusal, match="5000 bytes") as caught:
                client.predict(signature, range(count), garment_pixels(count), "r/0/0")
            assert caught.value.status == 413


def test_a_recorded_request_scores_its_own_pixels_and_no_others(url: str) -> None:
    body, other = b'{"dataframe_split": {"data": []}}', b'{"dataframe_split": {"data": [[1]]}}'
    headers = SECRET.sign("POST", "/predict", body)
    target = f"{url}/predict"
    assert requests.post(target, data=body, headers=headers, timeout=10).status_code == 200
    assert requests.post(target, data=body, headers=headers, timeout=10).status_code == 200
    assert requests.post(target, data=other, headers=headers, timeout=10).status_code == 401
    assert requests.post(f"{url}/v2/models/fashion", headers=headers, timeout=10).status_code == 401


def test_the_server_proves_nothing_to_whoever_did_not_sign(url: str) -> None:
    answer = requests.get(f"{url}/health/ready", headers={"Scoring-Challenge": "x"}, timeout=10)
    assert answer.status_code == 200
    assert "Scoring-Proof" not in answer.headers
    assert SECRET.reveal() not in answer.text


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
                return 200, requests.get(elsewhere.url + path, timeout=5).content, {}
            return 307, b"", {"Location": elsewhere.url + path}

        with answering(answer) as url, client_of(url, api_key=KEY) as client:
            with pytest.raises(HttpRefusal, match="307"):
                client.signature()
    assert not elsewhere.has_heard(KEY)


def test_the_environment_gives_no_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login me password from-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    # A name that is not known as this machine's own.
    monkeypatch.setattr("client.transport.is_loopback_url", lambda _: False)
    monkeypatch.setenv("NO_PROXY", "*")
    for api_key, expected in ((KEY, {f"Bearer {KEY}"}), ("", {None})):
        with stranger_at() as server, client_of(server.url, api_key=api_key) as client:
            score(client)
        keys = {
            heard.headers.get("authorization")
            for heard in server.heard
            if heard.path != "/health/ready"
        }
        assert keys == expected


def test_a_proxy_of_the_environment_has_no_say_on_this_machine(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port('127.0.0.1')}")
    with client_of(url, SECRET) as client:
        assert len(score(client)) == 5


def test_beyond_this_machine_the_proxy_of_the_environment_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with stranger_at() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with client_of("http://scores.example:5000") as client, pytest.raises(ForeignAnswer):
            client.check_identity()
    assert proxy.heard[0].path == "http://scores.example:5000/health/ready"


def test_several_threads_may_ask_at_once(url: str) -> None:
    with client_of(url, SECRET) as client:
        signature = client.signature()

        def ask(seed: int) -> list[RowPrediction]:
            answer = client.predict(signature, range(9), garment_pixels(9, seed), "r/0/0")
            return answer.response.predictions

        alone = [ask(seed) for seed in range(8)]
        gate = threading.Barrier(8)

        def ask_at_once(seed: int) -> list[RowPrediction]:
            gate.wait(20)
            return ask(seed)

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(ask_at_once, range(8))) == alone


def test_a_model_that_is_not_served_is_named_with_those_that_are(url: str) -> None:
    with client_of(url, SECRET) as client, pytest.raises(NoServer, match=r"hats; it has fashion"):
        client.signature("hats")


def test_an_answer_that_does_not_end_or_breaks_off_is_broken(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.server_link.METADATA_BYTES", 100)
    with client_of(url, SECRET) as client, pytest.raises(BrokenAnswer, match="does not end"):
        client.check_identity()


def test_pixels_of_any_stride_are_sent_as_they_look(url: str) -> None:
    pixels = garment_pixels(8)
    with client_of(url, SECRET) as client:
        signature = client.signature()
        plain = client.predict(signature, range(4), np.ascontiguousarray(pixels[::2]), "r")
        strided = client.predict(signature, range(4), pixels[::2], "r")
    assert plain.response.predictions == strided.response.predictions


def test_nobody_there_is_what_the_http_library_says() -> None:
    with client_of(f"http://127.0.0.1:{free_port('127.0.0.1')}", SECRET) as client:
        with pytest.raises(requests.exceptions.ConnectionError):
            client.check_identity()


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


def test_the_forged_figure_is_one_that_no_model_says() -> None:
    with stranger_at() as stranger, client_of(stranger.url) as client:
        answer = client.predict(client.signature(), range(1), garment_pixels(1), "r")
    assert answer.response.predictions[0].confidence == FORGED
