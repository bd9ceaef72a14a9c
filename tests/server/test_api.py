from __future__ import annotations

import gzip
import http.client
import io
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import orjson
import pytest
import requests

from scoring.inference.bundle import load_bundle
from scoring.inference.predictor import Predictor
from scoring.processes.listening import bind
from scoring.protocol.errors import SettingsError
from scoring.protocol.identity import SessionSecret
from scoring.protocol.prediction import encode_request
from scoring.settings import CODE_ROOT, Settings
from server import channel
from server.app import create_app
from server.dialects import DIALECTS
from server.drain import Drain
from server.http_server import HttpServer
from tests.conftest import BUNDLE, garment_pixels, running_server
from tests.deadlines import DEADLINE, wait_for
from tests.server.raw import ask, connected


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    settings = Settings(project=BUNDLE.parent)
    with running_server(settings, secret=SessionSecret("n0nce")) as url:
        yield url


def post(url: str, document: Any, **arguments: Any) -> requests.Response:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    headers = {"Content-Type": "application/json", **arguments.pop("headers", {})}
    return requests.post(
        url + "/predict", data=body, headers=headers, timeout=DEADLINE, **arguments
    )


def test_every_form_gives_the_same_answer(url: str) -> None:
    pixels = garment_pixels(5)
    split = {"columns": list(range(784)), "index": list(range(5)), "data": pixels.tolist()}
    bodies = [
        encode_request(range(5), pixels, None),
        encode_request(range(5), pixels, "zlib"),
        orjson.dumps({"dataframe_split": split}),
    ]
    answers = [post(url, body).json()["predictions"] for body in bodies]
    assert answers[0] == answers[1] == answers[2]
    assert [row["id"] for row in answers[0]] == [0, 1, 2, 3, 4]
    labels = load_bundle(BUNDLE).signature.labels
    for row in answers[0]:
        assert row["label"] in labels
        assert row["second_label"] in set(labels) - {row["label"]}
        assert 0.0 <= row["second_confidence"] <= row["confidence"] <= 1.0
        assert row["outlier_score"] >= 0
        assert row["review"] in (None, "low confidence", "not a garment?")


def test_a_machine_without_memory_says_so_and_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others may need less in a minute: 500 would have ended a night."""
    left: list[int] = [0, 1]
    predict = Predictor.predict

    def predict_with_what_is_left(predictor: Predictor, pixels: Any) -> Any:
        if not left.pop(0):
            raise MemoryError("std::bad_alloc")
        return predict(predictor, pixels)

    monkeypatch.setattr(Predictor, "predict", predict_with_what_is_left)
    with running_server(Settings(project=BUNDLE.parent)) as url:
        refused, scored = (post(url, encode_request(["a"], garment_pixels(1), None)) for _ in "ab")
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "memory"
    assert refused.json()["error"]["message"].startswith("the machine has no memory for this")
    assert int(refused.headers["Retry-After"]) > 0
    assert scored.status_code == 200


def test_the_answer_names_the_model_and_its_time(url: str) -> None:
    answer = post(url, encode_request(["a"], garment_pixels(1), None)).json()
    signature = load_bundle(BUNDLE).signature
    assert (answer["model_name"], answer["model_version"]) == (signature.name, signature.version)
    assert 0 < answer["inference_seconds"] < DEADLINE
    assert answer["predictions"][0]["id"] == "a"


def test_a_score_does_not_depend_on_the_batch_it_travels_in(url: str) -> None:
    pixels = garment_pixels(70)
    together = post(url, encode_request(range(70), pixels, None)).json()["predictions"]
    for number in (0, 31, 69):
        alone = post(url, encode_request([number], pixels[[number]], None)).json()
        assert alone["predictions"] == [together[number]]


def test_no_rows_are_no_predictions(url: str) -> None:
    body = encode_request(range(0), np.empty((0, 784), np.uint8), None)
    assert post(url, body).json()["predictions"] == []


def test_the_named_model_answers_and_an_unknown_one_is_404(url: str) -> None:
    body = encode_request(range(1), garment_pixels(1), None)
    named = requests.post(f"{url}/models/fashion/predict", data=body, timeout=DEADLINE)
    assert named.status_code == 200
    response = requests.post(f"{url}/models/hats/predict", data=body, timeout=DEADLINE)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "unknown_model"
    assert "fashion" in response.json()["error"]["message"]


def test_health_metadata_and_front_page(url: str) -> None:
    ready = requests.get(f"{url}/health/ready", timeout=DEADLINE).json()
    signature = load_bundle(BUNDLE).signature
    assert ready["live"] is ready["ready"] is True
    assert "n0nce" not in str(ready)
    assert ready["models"] == [{"name": "fashion", "version": signature.version}]
    assert requests.get(f"{url}/health/live", timeout=DEADLINE).json()["live"] is True
    metadata = requests.get(f"{url}/v2/models/fashion", timeout=DEADLINE).json()
    assert metadata["inputs"] == [{"name": "pixels", "datatype": "UINT8", "shape": [-1, 784]}]
    assert metadata["parameters"] == json.loads(json.dumps(signature.to_dict()))
    front = requests.get(url, timeout=DEADLINE).json()
    assert "POST /predict" in front["endpoints"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"hello", 400, "invalid_json"),
        (b"[" * 100_000, 400, "too_deep"),
        (b'{"dataframe_split": {"data": [[NaN]]}}', 422, "invalid_pixels"),
        (b'{"dataframe_split": {"data": [[1, 2]]}}', 422, "invalid_pixels"),
    ],
)
def test_a_bad_request_is_told_why(url: str, body: bytes, status: int, code: str) -> None:
    response = post(url, body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert response.json()["error"]["message"]


DOUBLED = (
    ("POST", "/predict?top=1&top=3"),
    ("POST", "/predict?top=1&top=1"),
    ("POST", "/predict?probabilities=1&top=1&probabilities=0"),
    ("POST", "/invocations?top=1&top=3"),
    ("POST", "/v1/models/fashion:predict?top=1&top=3"),
    ("POST", "/v2/models/fashion/infer?top=1&top=3"),
    ("GET", "/predictint?imageName=a.png&imageName=b.png"),
    ("POST", "/predict?nothing=1&nothing=1"),
)


@pytest.mark.parametrize(("method", "target"), DOUBLED)
def test_a_parameter_that_is_there_twice_is_refused(url: str, method: str, target: str) -> None:
    body = {"instances": garment_pixels(1).tolist()}
    response = requests.request(method, url + target, json=body, timeout=DEADLINE)
    assert response.status_code == 400
    assert "is there more than once" in response.text


def test_a_parameter_for_those_on_the_way_is_passed_over(url: str) -> None:
    body = {"instances": garment_pixels(1).tolist()}
    wanted = requests.post(f"{url}/predict?top=2", json=body, timeout=DEADLINE).json()
    for more in ("_=123", "_=1&_=2", "_ga=x"):
        answer = requests.post(f"{url}/predict?top=2&{more}", json=body, timeout=DEADLINE).json()
        assert answer["predictions"] == wanted["predictions"]


def test_errors_of_http_itself_are_json_too(url: str) -> None:
    assert requests.get(f"{url}/nothing", timeout=DEADLINE).json()["error"]["code"] == "not_found"
    response = requests.get(f"{url}/predict", timeout=DEADLINE)
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]
    assert response.json()["error"]["code"] == "method_not_allowed"
    response = post(url, b"{}", headers={"Content-Type": "text/html"})
    assert response.status_code == 415
    response = post(url, b"{}", headers={"Content-Encoding": "br"})
    assert response.status_code == 415


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "TLS/1.0"])
def test_who_offers_another_protocol_is_answered_in_this_one(url: str, protocol: str) -> None:
    offer = {"Connection": "Upgrade", "Upgrade": protocol}
    live = requests.get(f"{url}/health/live", headers=offer, timeout=DEADLINE)
    assert (live.status_code, live.json()["live"]) == (200, True)
    assert requests.get(f"{url}/predict", headers=offer, timeout=DEADLINE).status_code == 405
    assert requests.get(f"{url}/nothing", headers=offer, timeout=DEADLINE).status_code == 404
    assert post(url, b'{"instances": []}', headers=offer).json()["predictions"] == []


def test_the_answer_to_options_is_empty_and_of_no_type(url: str) -> None:
    response = requests.options(f"{url}/predict", timeout=DEADLINE)
    assert (response.status_code, response.content) == (200, b"")
    assert "Content-Type" not in response.headers
    assert response.headers["Allow"] == "OPTIONS, POST"


def test_a_compressed_body_gives_the_same_answer(url: str) -> None:
    body = encode_request(range(3), garment_pixels(3), None)
    plain = post(url, body).json()["predictions"]
    for encoding, packed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
        response = post(url, packed, headers={"Content-Encoding": encoding})
        assert response.json()["predictions"] == plain
        cut = post(url, packed[:-9], headers={"Content-Encoding": encoding})
        assert (cut.status_code, cut.json()["error"]["code"]) == (400, "bad_encoding")
        two = post(url, packed + packed, headers={"Content-Encoding": encoding})
        assert two.status_code == 400
    raw = post(url, zlib.compress(body)[2:-4], headers={"Content-Encoding": "deflate"})
    assert "zlib's format" in raw.json()["error"]["message"]


def test_a_body_over_the_limit_is_refused_with_the_limit(project: object) -> None:
    settings = Settings(server={"max_request_bytes": 10_000, "models": (BUNDLE,)})
    with running_server(settings) as url:
        for size in (15_000, 500_000):
            response = post(url, b" " * size)
            assert response.status_code == 413
            assert response.json()["error"]["code"] == "too_large"
            assert response.json()["error"]["limit"] == 10_000
        assert requests.get(f"{url}/health/ready", timeout=DEADLINE).status_code == 200


def test_a_chunked_body_over_the_limit_is_refused_under_other_servers_too(
    project: object,
) -> None:
    """gunicorn hands a chunked body on as it comes: no length, and an end."""
    settings = Settings(server={"max_request_bytes": 10_000, "models": (BUNDLE,)})
    client = create_app(settings, loopback=True).test_client()
    for size, status in ((9_000, 400), (10_000, 400), (10_001, 413), (10**8, 413)):
        stream = io.BytesIO(b" " * size)
        response = client.post(
            "/predict",
            environ_overrides={"wsgi.input": stream, "wsgi.input_terminated": True},
            headers={"Transfer-Encoding": "chunked"},
        )
        assert response.status_code == status
        assert stream.tell() <= 100_000
        if status == 413:
            assert response.get_json()["error"]["limit"] == 10_000


def test_too_many_rows_are_refused_with_the_limit(project: object) -> None:
    settings = Settings(server={"max_rows": 4, "models": (BUNDLE,)})
    with running_server(settings) as url:
        response = post(url, encode_request(range(5), garment_pixels(5), None))
        assert response.status_code == 413
        assert response.json()["error"] == {
            "code": "too_many_rows",
            "message": "5 rows in one request; send at most 4",
            "limit": 4,
        }


def test_json_that_is_nested_too_deep_is_refused_with_the_limit(project: object) -> None:
    settings = Settings(server={"max_json_depth": 5, "models": (BUNDLE,)})
    with running_server(settings) as url:
        deep = post(url, b'{"dataframe_split": {"data": [[[[1]]]]}}')
        assert deep.status_code == 400
        assert deep.json()["error"] == {
            "code": "too_deep",
            "message": "the JSON is nested deeper than 5 levels",
            "limit": 5,
        }
        flat = post(url, b'{"dataframe_split": {"data": [[[1]]]}}')
        assert (flat.status_code, flat.json()["error"]["code"]) == (422, "invalid_pixels")


def test_a_request_that_is_no_http_is_answered_in_json(url: str) -> None:
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=DEADLINE) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nContent-Length: many\r\n\r\n")
        # Headers and body may come apart; the server hangs up after them.
        with connection.makefile("rb") as answers:
            answer = answers.read()
    assert answer.startswith(b"HTTP/1.1 400")
    assert orjson.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]["code"] == "http_400"


@pytest.mark.parametrize("part", ["header line", "body"])
def test_a_request_that_does_not_end_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """A byte now and then keeps a connection from being idle; a patient client is served."""
    monkeypatch.setattr(channel, "REQUEST_SECONDS", 0.5)
    first = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000"
    with running_server(settings) as url, requests.Session() as patient:
        assert patient.get(url, timeout=DEADLINE).status_code == 200
        with connected(url) as slow:
            slow.sendall(first + (b"\r\n\r\n" if part == "body" else b"\r\nX-Slow: "))
            assert is_closed_on_who_drips(slow)
        assert patient.get(url, timeout=DEADLINE).status_code == 200


def is_closed_on_who_drips(connection: socket.socket) -> bool:
    """Send a byte now and then; tell whether the server hangs up."""
    connection.settimeout(0.05)  # how often a byte is sent, not how soon anything has to be
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        try:
            connection.sendall(b"0")
            if connection.recv(1000) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def test_a_page_of_another_site_is_turned_away(url: str) -> None:
    for path in ("/", "/health/ready", "/openapi.json"):
        response = requests.get(url + path, headers={"Host": "evil.example:5000"}, timeout=DEADLINE)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_host")
    local = requests.get(url, headers={"Host": "localhost:5000"}, timeout=DEADLINE)
    assert local.status_code == 200


@pytest.mark.parametrize("target", ["/health/live", "/health/ready", "/"])
def test_a_health_check_over_http_1_0_names_no_host(url: str, target: str) -> None:
    assert ask(url, f"GET {target} HTTP/1.0\r\n\r\n".encode())[0] == 200
    assert ask(url, f"GET {target} HTTP/1.0\r\nHost: evil.example\r\n\r\n".encode())[0] == 400
    assert ask(url, f"GET {target} HTTP/1.1\r\n\r\n".encode())[0] == 400


def test_the_root_tells_what_each_model_is_for(project: object) -> None:
    served = Settings(server={"models": (BUNDLE, CODE_ROOT / "models" / "digits")})
    about = create_app(served, loopback=True).test_client().get("/").get_json()
    assert [model["name"] for model in about["models"]] == ["fashion", "digits"]
    assert all(set(model) == {"name", "version", "purpose"} for model in about["models"])
    purposes = [model["purpose"] for model in about["models"]]
    assert purposes[0] != purposes[1]
    assert about["what"] == purposes[0], "the first answers where none is named"


def test_beyond_loopback_a_key_is_required_and_checked(project: object) -> None:
    with pytest.raises(SettingsError, match="wants a key"):
        create_app(Settings(server={"models": (BUNDLE,)}))
    keyed = Settings(server={"models": (BUNDLE,), "api_key": "s3cret"})
    client = create_app(keyed).test_client()
    assert client.get("/").status_code == 401
    assert client.get("/health/ready").status_code == 200
    assert client.get("/", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/", headers={"Authorization": "Bearer s3cret"}).status_code == 200
    anonymous = Settings(server={"models": (BUNDLE,), "allow_anonymous": True})
    assert create_app(anonymous).test_client().get("/").status_code == 200


class HeldUp(Drain):
    """Works on a request only once the server was told to stop, so that the order is certain."""

    def __init__(self) -> None:
        super().__init__()
        self._told = threading.Event()

    @contextmanager
    def request(self) -> Iterator[None]:
        with super().request():
            assert self._told.wait(DEADLINE)
            yield

    def close(self) -> None:
        super().close()
        self._told.set()


def test_while_it_stops_whoever_asks_is_told_when_to_come_again(settings: Settings) -> None:
    """Health checks and states of models, too, in every dialect."""
    drain = Drain()
    drain.close()
    client = create_app(settings, drain=drain, loopback=True).test_client()
    tellings = [telling.path for dialect in DIALECTS for telling in dialect.tellings]
    told = {path: client.get(path.format(name="fashion", version="1")) for path in tellings}
    stopping = {path for path, response in told.items() if response.status_code == 503}
    assert {"/health/ready", "/v2/health/ready", "/ping", "/health"} <= stopping
    for path, response in told.items():
        assert ("Retry-After" in response.headers) == (path in stopping), path
    refused = client.post("/predict", data=b"{}")
    assert refused.headers.getlist("Retry-After") == ["5"]


def test_stopping_refuses_new_work_and_finishes_what_is_in_flight(settings: Settings) -> None:
    """A slow upload that began before the stop is not in flight yet; a prediction is."""
    drain = HeldUp()
    app = create_app(settings, drain=drain, loopback=True)
    server = HttpServer(app, bind("127.0.0.1", 0, "server.port"), settings.server, drain)
    server.start()
    body = encode_request(range(3000), garment_pixels(3000), None)
    answers: list[int] = []

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE)
        connection.request("POST", "/predict", body)
        response = connection.getresponse()
        rows = orjson.loads(response.read())["predictions"]
        answers.append(len(rows))
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    wait_for(lambda: drain.in_flight > 0, "the request")
    assert server.stop(DEADLINE)
    thread.join(DEADLINE)
    assert answers == [3000]
    assert app.test_client().post("/predict", data=body).status_code == 503
