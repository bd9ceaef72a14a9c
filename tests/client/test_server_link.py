"""ServerLink against real servers and real strangers, over real sockets."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests

from scoring.processes.port_owner import free_port
from scoring.protocol.errors import BrokenAnswer, HttpRefusal, NoServer
from scoring.protocol.prediction import RowPrediction
from scoring.settings import Settings, load_settings
from tests.client.conftest import SECRET, client_of
from tests.conftest import garment_pixels, running_server
from tests.deadlines import DEADLINE


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
    assert requests.post(target, data=body, headers=headers, timeout=DEADLINE).status_code == 200
    assert requests.post(target, data=body, headers=headers, timeout=DEADLINE).status_code == 200
    assert requests.post(target, data=other, headers=headers, timeout=DEADLINE).status_code == 401
    elsewhere = f"{url}/v2/models/fashion"
    assert requests.post(elsewhere, headers=headers, timeout=DEADLINE).status_code == 401


def test_the_server_proves_nothing_to_whoever_did_not_sign(url: str) -> None:
    answer = requests.get(
        f"{url}/health/ready", headers={"Scoring-Challenge": "x"}, timeout=DEADLINE
    )
    assert answer.status_code == 200
    assert "Scoring-Proof" not in answer.headers
    assert SECRET.reveal() not in answer.text


def test_several_threads_may_ask_at_once(url: str) -> None:
    with client_of(url, SECRET) as client:
        signature = client.signature()

        def ask(seed: int) -> list[RowPrediction]:
            answer = client.predict(signature, range(9), garment_pixels(9, seed), "r/0/0")
            return answer.response.predictions

        alone = [ask(seed) for seed in range(8)]
        gate = threading.Barrier(8)

        def ask_at_once(seed: int) -> list[RowPrediction]:
            gate.wait(DEADLINE)
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
