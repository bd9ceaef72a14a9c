"""By which name, from which page and with which key the desk may be used."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from flask import Flask

from desk.app import create_app
from scoring.protocol.errors import SettingsError
from scoring.settings import load_settings
from tests.desk.conftest import KEY, OWN, Browser, browser_of, program_of


@pytest.mark.parametrize(
    ("key", "loopback", "refused"),
    [(None, True, False), (None, False, True), ("", False, True), (KEY, False, False)],
)
def test_beyond_loopback_a_key_is_wanted(
    project: Path, key: str | None, loopback: bool, refused: bool
) -> None:
    settings = load_settings(desk={"key": key} if key is not None else {})
    with pytest.raises(SettingsError, match=r"desk\.key") if refused else nullcontext():
        create_app(settings, loopback=loopback)


def test_behind_a_proxy_a_key_is_wanted_and_the_proxy_believed(project: Path) -> None:
    proxied = {"forwarded_for": 1, "forwarded_proto": 1, "forwarded_host": 1}
    with pytest.raises(SettingsError):
        create_app(load_settings(desk=proxied), loopback=True)
    app = create_app(load_settings(desk={**proxied, "key": KEY}), loopback=True)
    headers = {
        **{"X-Forwarded-For": "10.0.0.9", "X-Forwarded-Proto": "https"},
        **{"X-Forwarded-Host": "desk.shop", "Origin": "https://desk.shop"},
    }
    answer = browser_of(app).post("/sign-in", data={"key": KEY}, headers=headers)
    assert answer.status_code == 303
    assert "Secure" in answer.headers["Set-Cookie"].split("; ")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:5050", 200),
        ("127.0.0.1:5050", 200),
        ("[::1]:5050", 200),
        ("localhost", 200),
        ("evil.example", 403),
        ("evil.example:5050", 403),
        ("127.0.0.1.evil.example:5050", 403),
        ("localhost.evil.example", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
def test_on_loopback_another_name_is_turned_away(browser: Browser, host: str, status: int) -> None:
    assert browser.get("/", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, False),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "http://localhost:5051"}, False),
        ({"Origin": "https://localhost"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({}, False),
    ],
)
def test_only_the_desks_own_pages_write(
    browser: Browser, headers: dict[str, str], allowed: bool
) -> None:
    answer = browser.post("/who", data={"name": "Ada"}, headers=headers)
    assert answer.status_code == (303 if allowed else 403)
    with browser.session_transaction() as session:
        assert ("reviewer" in session) == allowed


def test_a_program_writes_with_the_key_and_not_without(locked: Flask) -> None:
    def written(key: str, **headers: str) -> int:
        program = program_of(locked, key)
        return program.post("/who", data={"name": "Ada"}, headers=headers).status_code

    assert written(KEY) == 303
    assert written("other") == 401
    assert written("") == 403
    assert written(KEY, **{"Sec-Fetch-Site": "cross-site"}) == 403


def test_without_a_key_set_no_bearer_opens_anything(app: Flask) -> None:
    for given in ("x", " "):
        answer = program_of(app, given).post("/who", data={"name": "A"})
        assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/", "/runs", "/pictures", "/who", "/no-such-page"])
def test_without_the_key_nothing_is_shown(locked: Flask, path: str) -> None:
    page = browser_of(locked).get(path)
    assert page.status_code == 303
    assert page.headers["Location"].startswith("/sign-in?next=")
    told = program_of(locked).get(path)
    assert told.status_code == 401
    assert told.headers["WWW-Authenticate"] == "Bearer"
    assert "error" in told.get_json()
    assert program_of(locked, KEY).get(path).status_code in (200, 404, 503)


def test_a_form_of_somebody_who_is_signed_out_is_not_saved_and_he_is_told_and_led_back(
    locked: Flask,
) -> None:
    """He was led to the address that takes the form, which is no page, and told nothing."""
    browser = browser_of(locked)
    came_from = {**OWN, "Referer": "http://localhost/review?batch=G1"}
    away = browser.post("/review/answer", data={"label": "Coat"}, headers=came_from)
    assert away.location == "/sign-in?next=/review?batch%3DG1&unsaved=1"
    page = browser.get(away.location).text
    assert "What you sent was not saved" in page
    assert 'value="/review?batch=G1"' in page
    foreign = {**OWN, "Referer": "http://elsewhere/review"}
    assert browser.post("/review/undo", headers=foreign).location == "/sign-in?unsaved=1"
    assert "not saved" not in browser.get("/sign-in?next=/review").text


def test_below_a_folder_of_a_proxy_one_is_led_back_there(project: Path) -> None:
    app = create_app(load_settings(desk={"forwarded_prefix": 1, "key": KEY}), loopback=True)
    away = browser_of(app).get("/runs", headers={"X-Forwarded-Prefix": "/desk"})
    assert away.location == "/desk/sign-in?next=/desk/runs"


def test_a_link_in_a_mail_is_followed_once_more_from_here(locked: Flask) -> None:
    browser = browser_of(locked)
    browser.post("/sign-in", data={"key": KEY}, headers=OWN)
    stranger = browser_of(locked)
    answer = stranger.get("/runs", headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, 'http-equiv="refresh"' in answer.text) == (200, True)
    assert browser.get("/runs").status_code == 200


def test_the_desk_alone_says_what_a_browser_may_load(browser: Browser) -> None:
    answer = browser.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_key_stands_nowhere(locked: Flask, caplog: pytest.LogCaptureFixture) -> None:
    browser = browser_of(locked)
    browser.post("/sign-in", data={"key": "a-wrong-one"}, headers=OWN)
    answer = browser.post("/sign-in", data={"key": KEY}, headers=OWN)
    assert KEY not in answer.headers["Set-Cookie"]
    assert KEY not in caplog.text
    assert "a-wrong-one" not in caplog.text
