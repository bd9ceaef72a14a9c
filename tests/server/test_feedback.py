"""POST /models/{name}/feedback over real HTTP: reviews as the desk's, from known senders only."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import pytest
import requests

from client import request
from scoring.records.labels import Labels
from scoring.records.ledger import Ledger
from scoring.settings import Settings, load_settings
from server.app import create_app
from tests.conftest import BUNDLE, garment_pixels, running_server, write_batch
from tests.deadlines import DEADLINE
from tests.server.gunicorn_process import started

KEY = "a-key-for-tests"


@pytest.fixture
def url(server_url: str, project: Path) -> str:
    """Return the URL of a server that a run has scored G1 with."""
    write_batch(project / "image_batches" / "G1", 3)
    assert request.main(["G1"]) == 0
    return server_url


def post(url: str, document: Any, model: str = "fashion", **headers: str) -> requests.Response:
    return requests.post(
        f"{url}/models/{model}/feedback", json=document, headers=headers, timeout=DEADLINE
    )


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def count_reviews(settings: Settings) -> int:
    with Ledger.from_settings(settings) as ledger:
        return len(list(Labels(ledger).since(0)))


def test_a_correction_is_in_the_results_with_the_next_run(url: str, project: Path) -> None:
    path = project / "image_batches" / "G1" / "img_2.png"
    answer = post(url, {"id": hash_of(path), "label": "ankle boot", "reviewer": "anna"})
    told = answer.json()
    assert answer.status_code == 200
    assert (told["status"], told["batch"], told["image"]) == ("written", "G1", "img_2.png")
    assert (told["label"], told["verdict"], told["reviewer"]) == ("Ankle boot", "label", "anna")
    again = post(url, {"batch": "G1", "image": "img_2.png", "label": "Ankle boot",
                       "reviewer": "anna"}).json()  # fmt: skip
    assert again == {**told, "status": "standing"}
    assert request.main(["G1"]) == 0
    lines = (project / "Results.csv").read_text("utf-8-sig").splitlines()
    assert [line.split(",")[-1] for line in lines] == ["Corrected item", "", "Ankle boot", ""]


def test_each_of_many_is_answered_for_itself(url: str, settings: Settings) -> None:
    good = {"batch": "G1", "image": "img_1.png", "label": "Coat"}
    answer = post(url, [good, {**good, "image": "none.png"}, {**good, "label": "Hat"}, good])
    assert answer.status_code == 200
    results = answer.json()["results"]
    statuses = [one["status"] for one in results]
    assert statuses in (["written", "refused", "refused", "written"],)
    assert [one["error"]["code"] for one in results[1:3]] == ["unknown_picture", "unknown_label"]
    assert results[3]["review"] == results[0]["review"]
    assert count_reviews(settings) == 1


def test_a_refusal_says_what_there_is(url: str) -> None:
    at = {"batch": "G1", "image": "img_1.png"}
    first = post(url, {**at, "label": "Coat", "reviewer": "anna"}).json()
    conflict = post(url, {**at, "label": "Shirt", "reviewer": "ben"})
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "review_conflict")
    standing = conflict.json()["error"]["standing"]
    assert standing == {name: first[name] for name in ("review", "label", "verdict", "reviewer")}
    mended = post(url, {**at, "label": "Shirt", "reviewer": "ben", "expected": standing["review"]})
    assert mended.json()["status"] == "written"
    unknown = post(url, {**at, "label": "Hat"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (422, "unknown_label")
    assert "Ankle boot" in unknown.json()["error"]["message"]
    assert post(url, {"id": "0" * 64, "label": "Coat"}).status_code == 404
    assert post(url, {**at, "label": "Coat"}, model="digits").json()["error"]["code"] == (
        "unknown_model"
    )


def test_before_the_first_run_no_picture_is_known(server_url: str, settings: Settings) -> None:
    answer = post(server_url, {"id": "0" * 64, "label": "Coat"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_picture")
    assert not settings.ledger_file.exists()


def test_no_page_of_another_site_says_what_pictures_show(url: str, settings: Settings) -> None:
    document = {"batch": "G1", "image": "img_1.png", "label": "Coat"}
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ):
        assert post(url, document, **headers).status_code == 403
    for media_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = requests.post(
            f"{url}/models/fashion/feedback",
            data='{"batch": "G1", "image": "img_1.png", "label": "Coat"}',
            headers={"Content-Type": media_type},
            timeout=DEADLINE,
        )
        assert answer.status_code == 415
    assert requests.get(f"{url}/models/fashion/feedback", timeout=DEADLINE).status_code == 405
    assert count_reviews(settings) == 0
    assert post(url, document, Origin=url).status_code == 200


def test_where_a_key_is_set_it_is_wanted(project: Path) -> None:
    settings = Settings(project=project, server={"models": (BUNDLE,), "api_key": KEY})
    with running_server(settings) as url:
        document = {"id": "0" * 64, "label": "Coat"}
        assert post(url, document).status_code == 401
        assert post(url, document, Authorization=f"Bearer {KEY}").status_code == 404


def test_whoever_may_predict_without_a_key_may_not_correct(project: Path) -> None:
    server = {"models": (BUNDLE,), "allow_anonymous": True}
    app = create_app(Settings(project=project, server=server), loopback=False)
    answer = app.test_client().post("/models/fashion/feedback", json={"id": "0" * 64, "label": "C"})
    assert answer.status_code == 403


def test_the_ledger_of_a_writer_is_waited_for_a_moment_then_refused(
    url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.feedback.BUSY_SECONDS", 0.05)
    document = {"batch": "G1", "image": "img_1.png", "label": "Coat"}
    with closing(sqlite3.connect(settings.ledger_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = post(url, document)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "ledger")
        assert answer.headers["Retry-After"]
        other.execute("ROLLBACK")
    assert post(url, document).status_code == 200


def test_the_same_from_many_at_once_is_one_review(
    url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each comes to its turn, however long a busy disk takes for those before it.
    monkeypatch.setattr("server.feedback.BUSY_SECONDS", DEADLINE)
    document = {"batch": "G1", "image": "img_1.png", "label": "Coat", "reviewer": "anna"}
    with ThreadPoolExecutor(8) as crew:
        answers = list(crew.map(lambda _: post(url, document), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert count_reviews(settings) == 1


@pytest.fixture
def keeping(project: Path) -> Iterator[str]:
    server = {"models": (BUNDLE,), "keep_submissions": True}
    with running_server(Settings(project=project, server=server)) as url:
        yield url


def png(seed: int) -> bytes:
    done, data = cv2.imencode(".png", garment_pixels(1, seed).reshape(28, 28))
    assert done
    return data.tobytes()


def test_a_picture_that_nobody_scored_is_kept_where_uploads_are(keeping: str) -> None:
    picture = base64.b64encode(png(1)).decode()
    told = post(keeping, {"picture": picture, "label": "Coat"}).json()
    assert (told["status"], told["batch"]) == ("written", "uploads/fashion")
    again = post(keeping, {"picture": picture, "label": "Coat"}).json()
    assert (again["status"], again["review"]) == ("standing", told["review"])
    with Ledger.from_settings(load_settings()) as ledger:
        assert len(list(Labels(ledger).all_current())) == 1
    bad = post(keeping, {"picture": base64.b64encode(b"no picture").decode(), "label": "Coat"})
    assert bad.status_code == 422
    named = post(keeping, {"picture": base64.b64encode(png(2)).decode(), "label": "Coat",
                           "batch": "G7"})  # fmt: skip
    assert named.status_code == 404


def test_many_that_nobody_scored_are_scored_together(keeping: str) -> None:
    """Each for itself, with a transaction of its own, they would take 40 ms each."""
    pictures = [png(seed) for seed in (1, 2, 1)] + [b"no picture"]
    items = [{"picture": base64.b64encode(one).decode(), "label": "Coat"} for one in pictures]
    results = post(keeping, items).json()["results"]
    assert [one["status"] for one in results] == ["written"] * 3 + ["refused"]
    assert results[0]["review"] == results[2]["review"] != results[1]["review"]
    assert results[3]["error"]["code"] == "unknown_format"
    with Ledger.from_settings(load_settings()) as ledger:
        assert len(list(Labels(ledger).all_current())) == 2


def test_elsewhere_it_is_told_what_would_keep_it(server_url: str) -> None:
    picture = base64.b64encode(png(1)).decode()
    answer = post(server_url, {"picture": picture, "label": "Coat"})
    assert answer.status_code == 404
    assert "keep_submissions" in answer.json()["error"]["message"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="gunicorn is for POSIX systems")
def test_workers_of_gunicorn_write_one_review_of_the_same(url: str, project: Path) -> None:
    models = json.dumps([str(BUNDLE)])
    settings = {"SCORING_SERVER__API_KEY": KEY, "SCORING_SERVER__MODELS": models}
    document = {"batch": "G1", "image": "img_1.png", "label": "Coat", "reviewer": "anna"}
    with started(project, "--workers", "2", settings=settings) as gunicorn:
        there = gunicorn.url()
        assert post(there, document).status_code == 401
        with ThreadPoolExecutor(8) as crew:
            sent = range(24)
            answers = list(
                crew.map(lambda _: post(there, document, Authorization=f"Bearer {KEY}"), sent)
            )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["review"] for answer in answers}) == 1
    assert count_reviews(load_settings()) == 1


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"null",
            b"[]",
            b"{",
            b'"text"',
            b"[1]",
            b"[null]",
            b"[[[[[[[[]]]]]]]]",
            b"\xff\xfe",
        ),
        *(b"[" * 100_000, b'{"id": NaN}', b'{"id": 1e999}', b'{"label": "' + b"x" * 9_000 + b'"}'),
        b'{"batch": "../..", "image": "' + b"../" * 100 + b'", "label": "Coat"}',
        b'{"batch": "G1", "image": "img_1.png\\u0000", "label": "Coat"}',
        b'{"batch": "G1", "image": "img_1.png", "label": "\\ud800"}',
    ],
)
def test_what_a_stranger_sends_is_refused_in_words(server_url: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    address = f"{server_url}/models/fashion/feedback"
    answer = requests.post(address, data=body, headers=headers, timeout=DEADLINE)
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["message"]
