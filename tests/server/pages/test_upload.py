"""The upload page over real HTTP, as a browser without scripts uses it."""

from __future__ import annotations

import base64
import csv
import html
import io
import logging
import re
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
import requests

from scoring.protocol.percent import in_percent
from scoring.settings import CODE_ROOT, Settings
from server.pages.entrance import LOGIN_BYTES
from server.pages.serving import content_of
from server.pages.upload import CONTENT_TYPES, FILES
from server.pages.upload_page import MOST_PICTURES
from tests.conftest import BUNDLE, garment_pixels, running_server
from tests.deadlines import DEADLINE

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
KEY = "s3cret"
MODELS = (BUNDLE, CODE_ROOT / "models" / "digits")
HOSTILE = '<script>alert("1")</script>\u202e&\'.png'
FORM = "multipart/form-data; boundary=x"


def png(seed: int = 0) -> bytes:
    done, data = cv2.imencode(".png", garment_pixels(1, seed).reshape(28, 28))
    assert done
    return data.tobytes()


def pictures(*names: str) -> list[tuple[str, tuple[str, bytes]]]:
    return [("file", (name, png(number))) for number, name in enumerate(names)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_server(Settings(project=CODE_ROOT, server={"models": MODELS})) as url:
        yield url


@pytest.fixture(scope="module")
def locked() -> Iterator[str]:
    server = {"models": (BUNDLE,), "api_key": KEY}
    with running_server(Settings(project=CODE_ROOT, server=server)) as url:
        yield url


def post(url: str, files: Any, path: str = "/upload", **options: Any) -> requests.Response:
    return requests.post(f"{url}{path}", files=files, timeout=DEADLINE, **options)


def table_in(page: str) -> list[list[str]]:
    address = re.search(r'href="data:text/csv;charset=utf-8;base64,([^"]*)"', page)
    assert address
    text = base64.b64decode(address[1]).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_browser_is_shown_the_page_and_a_program_json(url: str, method: str) -> None:
    for headers, kind in [(BROWSER, "text/html; charset=utf-8"), ({}, "application/json")]:
        answer = requests.request(method, f"{url}/", headers=headers, timeout=DEADLINE)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
        assert "Accept" in answer.headers["Vary"]
        assert (method == "HEAD") == (not answer.content)
        assert int(answer.headers["Content-Length"]) > 300


def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing_in_line(url: str) -> None:
    front = requests.get(f"{url}/", headers=BROWSER, timeout=DEADLINE)
    results = post(url, pictures("a.png"))
    for page in (front, results):
        policy = page.headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy)
        assert {"form-action 'self'", "frame-ancestors 'none'"} <= set(policy)
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Cache-Control"] == "no-store"
        assert not re.search(r"<style|style=|\son\w+=|//[a-z]|<script(?! type)", page.text)
    for name, kind in CONTENT_TYPES.items():
        part = requests.get(f"{url}/upload/{name}", timeout=DEADLINE)
        assert (part.content, part.headers["Content-Type"]) == (content_of(FILES / name), kind)
    assert {one.name for one in FILES.iterdir()} == set(CONTENT_TYPES)
    assert requests.get(f"{url}/upload/upload.py", timeout=DEADLINE).status_code == 404


def test_every_picture_is_told_of_by_every_model_that_is_ticked(url: str) -> None:
    files = [*pictures("one.png", "two.png"), ("file", ("none.png", b"no picture"))]
    page = post(url, files, data={"model.fashion": "on", "model.digits": "on"})
    assert page.status_code == 200
    assert page.text.count('<article class="answer">') == 4
    assert page.text.count("Not read: ") == 1
    assert "3 pictures" in page.text
    header, *rows = table_in(page.text)
    assert [(row[0], row[1]) for row in rows] == [
        (name, model)
        for name in ("one.png", "two.png", "none.png")
        for model in ("fashion", "digits")
    ]
    own = requests.post(f"{url}/predict?probabilities=1", files=files, timeout=DEADLINE).json()
    for row, expected in zip(rows[::2], own["predictions"], strict=True):
        if "error" in expected:
            assert row[7] == expected["error"]["message"]
        else:
            assert (row[2], row[6]) == (expected["label"], expected["review"] or "")
            shares = dict(zip(header[8:18], row[8:18], strict=True))
            told = {f"{label} %": in_percent(share, 2) for label, share in
                    expected["probabilities"].items()}  # fmt: skip
            assert shares == told


def test_what_is_shown_is_what_the_model_saw(url: str) -> None:
    page = post(url, pictures("one.png"))
    address = re.search(r'src="data:image/png;base64,([^"]*)"', page.text)
    assert address
    data = np.frombuffer(base64.b64decode(address[1]), np.uint8)
    shown = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    row = {"instances": [shown.ravel().tolist()]}
    of_pixels = requests.post(f"{url}/predict", json=row, timeout=DEADLINE).json()
    of_picture = requests.post(f"{url}/predict", files=pictures("a"), timeout=DEADLINE).json()
    assert of_pixels["predictions"][0]["confidence"] == of_picture["prediction"]["confidence"]


def test_names_are_texts(url: str) -> None:
    page = post(url, [("file", (HOSTILE, b"no picture"))]).text
    assert "<script>" not in page
    assert "\u202e" not in page
    shown = html.unescape(page)
    assert "script>\\u202e&'.png" in shown


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (b"--x--\r\n", FORM, 400, "No picture was chosen."),
        (b"--x\r\nContent-Disposition: form-data", FORM, 400, "did not arrive whole"),
        (b"{}", "application/json", 415, "content types"),
        (b"x" * 20_000_000, FORM, 413, "16,000,000 bytes"),
    ],
)
def test_what_is_refused_is_told_on_a_page(
    url: str, body: bytes, kind: str, status: int, words: str
) -> None:
    headers = {"Content-Type": kind}
    answer = requests.post(f"{url}/upload", data=body, headers=headers, timeout=DEADLINE)
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        status,
        "text/html; charset=utf-8",
    )
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert words in answer.text


def test_too_many_pictures_and_an_unknown_model_are_refused(url: str) -> None:
    files = [("file", (f"{one}.png", b"x")) for one in range(MOST_PICTURES + 1)]
    many = post(url, files)
    assert (many.status_code, f"at most {MOST_PICTURES}" in many.text) == (413, True)
    unknown = post(url, pictures("a.png"), data={"model.<b>": "on"})
    assert unknown.status_code in (400, 404)
    assert "<b>" not in unknown.text


def test_no_model_is_sent_more_pictures_than_its_rows() -> None:
    settings = Settings(project=CODE_ROOT, server={"models": (BUNDLE,), "max_rows": 2})
    with running_server(settings) as url:
        assert post(url, pictures("a", "b")).status_code == 200
        refused = post(url, pictures("a", "b", "c"))
    assert (refused.status_code, "at most 2" in refused.text) == (413, True)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "{url}"}, 403),
        ({"Origin": "{url}"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "{url}0"}, 403),
        ({}, 200),
    ],
)
def test_a_page_of_another_site_cannot_send_anything(
    url: str, locked: str, headers: dict[str, str], status: int
) -> None:
    own = {name: value.format(url=url) for name, value in headers.items()}
    assert post(url, pictures("a.png"), headers=own).status_code == status
    own = {name: value.format(url=locked) for name, value in headers.items()}
    answer = requests.post(
        f"{locked}/login", data={"key": KEY}, headers=own, timeout=DEADLINE, allow_redirects=False
    )
    assert answer.status_code == (303 if status == 200 else status)
    assert ("Set-Cookie" in answer.headers) == (status == 200)


def test_with_a_key_the_page_shows_nothing_but_a_field_for_it(locked: str) -> None:
    page = requests.get(f"{locked}/", headers=BROWSER, timeout=DEADLINE)
    assert page.status_code == 200
    assert 'type="password"' in page.text
    assert "fashion" not in page.text
    assert requests.get(f"{locked}/", timeout=DEADLINE).status_code == 401
    refused = post(locked, pictures("a.png"))
    assert (refused.status_code, "wants its key" in refused.text) == (401, True)


def test_the_key_admits_a_browser_and_is_told_nobody(
    locked: str, caplog: pytest.LogCaptureFixture
) -> None:
    browser = requests.Session()
    browser.headers.update(BROWSER)
    with caplog.at_level(logging.DEBUG):
        page = browser.post(f"{locked}/login", data={"key": KEY}, timeout=DEADLINE)
        assert "Choose pictures" in page.text
        given = page.history[0].headers["Set-Cookie"]
        assert page.history[0].headers["Location"] == "./"
        assert "HttpOnly" in given
        assert "SameSite=Strict" in given
        assert "Secure" not in given
        answer = browser.post(f"{locked}/upload", files=pictures("a.png"), timeout=DEADLINE)
        assert answer.status_code == 200
        assert "1 picture" in answer.text
        wrong = requests.post(f"{locked}/login", data={"key": f"{KEY}x"}, timeout=DEADLINE)
        assert wrong.status_code == 401
        assert "that is not the key" in wrong.text
    assert KEY not in page.text + answer.text + wrong.text + given + caplog.text
    # The cookie is the page's: it opens nothing else.
    assert browser.post(f"{locked}/predict", data=png(), timeout=DEADLINE).status_code == 401
    with_key = {"Authorization": f"Bearer {KEY}"}
    assert post(locked, pictures("a.png"), headers=with_key).status_code == 200


def test_who_has_not_shown_the_key_sends_no_large_body(locked: str) -> None:
    for path, size in [("/login", LOGIN_BYTES + 1), ("/upload", 100), ("/", 100)]:
        headers = {**BROWSER, "Content-Type": "application/x-www-form-urlencoded"}
        answer = requests.post(
            f"{locked}{path}", data=b"x" * size, headers=headers, timeout=DEADLINE
        )
        assert answer.status_code == 401, path


def test_what_is_read_of_the_pictures_is_bounded_by_the_memory_of_all() -> None:
    """The body as it came, as it was read and as its parts."""
    server = {"models": (BUNDLE,), "max_memory_bytes": 1_000_000}
    with running_server(Settings(project=CODE_ROOT, server=server)) as url:
        assert post(url, [("file", ("a.png", b"x" * 550_000))]).status_code == 413
        assert post(url, pictures("a.png")).status_code == 200


def test_who_reads_an_answer_anew_begins_again(url: str) -> None:
    for path in ("/upload", "/login"):
        answer = requests.get(f"{url}{path}", timeout=DEADLINE, allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (303, "./")


def test_pictures_are_counted(url: str) -> None:
    post(url, [*pictures("a.png"), ("file", ("b.png", b"x"))])
    told = requests.get(f"{url}/metrics", timeout=DEADLINE).text
    assert 'scoring_images_total{dialect="page",model="fashion",outcome="failed"}' in told
    assert 'scoring_requests_total{dialect="page",status="200"}' in told


def test_no_file_keeps_anything_or_makes_markup() -> None:
    texts = [one.read_text(encoding="utf-8") for one in FILES.iterdir()]
    assert not any(re.search(r"innerHTML|eval\(|localStorage|https?://", one) for one in texts)
