"""What the cookie holds, how long, and what name is one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from flask import Flask

from desk import sessions
from desk.app import create_app
from scoring.protocol.errors import BadRequest
from scoring.protocol.names import check_person
from scoring.settings import load_settings
from tests.desk.conftest import KEY, OWN, Browser, browser_of


def signed_in(app: Flask) -> Browser:
    browser = browser_of(app)
    assert browser.post("/sign-in", data={"key": KEY}, headers=OWN).status_code == 303
    return browser


def test_the_cookie_is_out_of_reach_and_of_this_desk_only(locked: Flask) -> None:
    answer = browser_of(locked).post("/sign-in", data={"key": KEY}, headers=OWN)
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert cookie.startswith("desk-")
    secure = browser_of(locked).post(
        "/sign-in", data={"key": KEY}, headers=OWN, base_url="https://localhost"
    )
    assert "Secure" in secure.headers["Set-Cookie"].split("; ")


def test_a_cookie_that_was_changed_opens_nothing(locked: Flask) -> None:
    browser = signed_in(locked)
    name = locked.config["SESSION_COOKIE_NAME"]
    cookie = browser.get_cookie(name)
    assert cookie is not None
    payload, rest = cookie.value.split(".", 1)
    turned = payload[:-1] + ("A" if payload[-1] != "A" else "B")
    browser.set_cookie(name, f"{turned}.{rest}")
    assert browser.get("/").status_code == 303


def test_a_sign_in_ends(locked: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = signed_in(locked)
    began = time.time()
    monkeypatch.setattr(time, "time", lambda: began + sessions.SIGNED_IN_SECONDS - 60)
    assert browser.get("/").status_code == 200, "and is drawn out by being used"
    monkeypatch.setattr(time, "time", lambda: began + 2 * sessions.SIGNED_IN_SECONDS - 120)
    assert browser.get("/").status_code == 200
    monkeypatch.setattr(time, "time", lambda: began + 4 * sessions.SIGNED_IN_SECONDS)
    assert browser.get("/").status_code == 303


def test_another_key_signs_everybody_out(locked: Flask, project: Path) -> None:
    browser = signed_in(locked)
    cookie = browser.get_cookie(locked.config["SESSION_COOKIE_NAME"])
    assert cookie is not None
    changed = create_app(load_settings(desk={"key": "another", "host": "0.0.0.0"}), loopback=False)
    later = browser_of(changed)
    later.set_cookie(cookie.key, cookie.value)
    assert later.get("/").status_code == 303


def test_the_name_outlasts_the_sign_in(locked: Flask) -> None:
    browser = signed_in(locked)
    browser.post("/who", data={"name": "Ada"}, headers=OWN)
    browser.post("/sign-out", headers=OWN)
    assert browser.get("/").status_code == 303
    browser.post("/sign-in", data={"key": KEY}, headers=OWN)
    assert "<bdi>Ada</bdi>" in browser.get("/").text


@pytest.mark.parametrize("name", ["Ada", "Ада Л.", "O'Neil <b>", "李", "أحمد", "a" * 60])
def test_a_name_is_anything_that_is_seen(name: str) -> None:
    assert check_person(f"  {name} ") == name


@pytest.mark.parametrize(
    "name",
    ["", "   ", "a" * 61, "a\nb", "a\tb", "a\x00b", "Ada\u202e", "\u200bAda", "a\u2028b", "\udcff"],
)
def test_a_name_that_is_not_seen_is_none(name: str) -> None:
    with pytest.raises(BadRequest, match="visible"):
        check_person(name)
