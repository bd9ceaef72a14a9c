"""The key lets somebody in, once and not faster than it should; where he goes then."""

from __future__ import annotations

import pytest
from flask import Flask

from scoring.protocol.throttle import ONE_BURST
from tests.desk.conftest import KEY, OWN, Browser, browser_of, program_of


def test_the_key_opens_and_leads_on(locked: Flask) -> None:
    browser = browser_of(locked)
    page = browser.get("/sign-in?next=/runs%3Fx%3D1")
    assert page.status_code == 200
    assert 'value="/runs?x=1"' in page.text
    data = {"key": KEY, "next": "/runs?x=1"}
    assert browser.post("/sign-in", data=data, headers=OWN).headers["Location"] == "/runs?x=1"
    assert browser.get("/runs").status_code == 200
    browser.post("/sign-out", headers=OWN)
    assert browser.get("/runs").status_code == 303


@pytest.mark.parametrize("given", ["", "s3cret-ke", "s3cret-key2", "ключ", "é" * 100_000])
def test_another_key_does_not(locked: Flask, given: str) -> None:
    browser = browser_of(locked)
    answer = browser.post("/sign-in", data={"key": given}, headers=OWN)
    assert answer.status_code == 403
    assert "not the key" in answer.text
    assert given[:5] not in answer.text or not given
    assert browser.get("/").status_code == 303


@pytest.mark.parametrize(
    "wanted",
    [
        *("//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"),
        *("x", "/\t/evil.example", "/a\r\nX: 1", "//[", ""),
    ],
)
def test_nobody_is_sent_elsewhere(locked: Flask, wanted: str) -> None:
    data = {"key": KEY, "next": wanted}
    answer = browser_of(locked).post("/sign-in", data=data, headers=OWN)
    assert answer.headers["Location"] == "/"


def test_wrong_keys_are_slowed_down_by_any_way(locked: Flask) -> None:
    browser, program = browser_of(locked), program_of(locked, "x")
    for _ in range(int(ONE_BURST)):
        assert browser.post("/sign-in", data={"key": "x"}, headers=OWN).status_code == 403
    answer = browser.post("/sign-in", data={"key": "x"}, headers=OWN)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    bearer = program.get("/")
    assert bearer.status_code == 429
    assert int(bearer.headers["Retry-After"]) > 0


def test_a_program_with_the_key_may_ask_as_often_as_it_likes(locked: Flask) -> None:
    program = program_of(locked, KEY)
    assert {program.get("/").status_code for _ in range(100)} == {200}


def test_where_no_key_is_set_there_is_nothing_to_sign_in_to(browser: Browser) -> None:
    assert browser.get("/sign-in").headers["Location"] == "/"


def test_a_name_is_given_once_and_shown_as_text(browser: Browser) -> None:
    hostile = "<b>Ada</b>"
    assert browser.post("/who", data={"name": hostile}, headers=OWN).status_code == 303
    page = browser.get("/").text
    assert "<bdi>&lt;b&gt;Ada&lt;/b&gt;</bdi>" in page
    refused = browser.post("/who", data={"name": "a\nb"}, headers=OWN)
    assert refused.status_code == 400
    assert "visible" in refused.text
