"""Who is shown the page, and whom the key admits; on headers alone."""

from __future__ import annotations

import pytest
from itsdangerous import TimestampSigner
from werkzeug.datastructures import Headers

from scoring.protocol.errors import TooManyTries, Unauthorized
from scoring.protocol.throttle import ONE_BURST
from server.pages import entrance
from server.pages.entrance import LOGIN_BYTES, Entrance, is_form_of_page, wants_page

KEY = "s3cret"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("TEXT/HTML", True),
        ("text/*", True),
        ("text/html, application/json;q=0.9", True),
        ("application/json;q=0.5, text/html;q=0.6", True),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/json, text/html", False),
        ("application/json, text/html;q=0.9", False),
        ("text/html;q=0, */*", False),
        ("text/html;q=0.5, */*", False),
        ("application/xml", False),
        ("image/*", False),
        ("no such thing;;q=x", False),
    ],
)
def test_a_browser_is_shown_the_page_and_all_others_json(accept: str, page: bool) -> None:
    assert wants_page({"Accept": accept}) == page


def test_who_says_nothing_gets_json() -> None:
    assert not wants_page({})


def cookie_of(one: Entrance) -> dict[str, str]:
    return {"Cookie": f"other=1; {one.cookie_name}={one.cookie()}"}


def test_the_cookie_opens_the_page_and_nothing_else() -> None:
    one = Entrance(KEY)
    shown = cookie_of(one)
    assert one.admits(shown)
    assert one.opens("/upload", shown)
    for path in ("/predict", "/metrics", "/upload/", "/v2/models/fashion/infer", "/openapi.json"):
        assert not one.opens(path, shown), path
    assert KEY not in str(shown)


@pytest.mark.parametrize("change", ["", "x", "admitted", "admitted.1.2", "{0}x", "{0}\u00e9"])
def test_another_cookie_opens_nothing(change: str) -> None:
    one = Entrance(KEY)
    headers = {"Cookie": f"{one.cookie_name}={change.format(one.cookie())}"}
    assert not one.admits(headers)
    assert not one.admits({})
    assert not one.opens("/upload", headers)


def test_what_another_port_put_beside_it_locks_nobody_out() -> None:
    """Cookies know no ports, and no page can tell which of one name came from where."""
    one = Entrance(KEY)
    name, good = one.cookie_name, one.cookie()
    for cookies in (f"{name}=x; {name}={good}", f"{name}={good}; {name}=", f"a=1; {name}={good}"):
        assert one.admits({"Cookie": cookies}), cookies
    assert not one.admits({"Cookie": f"{name}=x; {name}=y; other={good}"})


def test_a_cookie_is_worthless_once_the_key_is_another_or_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = Entrance(KEY)
    value = cookie_of(one)["Cookie"].partition(f"{one.cookie_name}=")[2]
    other = Entrance("another")
    assert not other.admits({"Cookie": f"{other.cookie_name}={value}"})
    now = TimestampSigner("x").get_timestamp()
    later = now + entrance.GOOD_FOR_SECONDS + 60
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: later)
    assert not one.admits(cookie := {"Cookie": f"{one.cookie_name}={value}"})
    assert Entrance("").admits(cookie)


def test_the_form_for_the_key_is_open_and_small() -> None:
    one = Entrance(KEY)
    assert one.opens("/login", {})
    assert one.opens("/", {"Accept": "text/html"})
    assert not one.opens("/", {"Accept": "*/*"})
    assert is_form_of_page("/login", 10)
    assert not is_form_of_page("/login", LOGIN_BYTES + 1)
    assert not is_form_of_page("/login", 0)
    assert not is_form_of_page("/", 10)


def test_wrong_keys_are_slowed_down_and_the_right_one_costs_nothing() -> None:
    one = Entrance(KEY)
    for _ in range(3 * int(ONE_BURST)):
        one.try_key(KEY, "10.0.0.1")
    for _ in range(int(ONE_BURST)):
        with pytest.raises(Unauthorized):
            one.try_key("\u043a\u043b\u044e\u0447", "10.0.0.1")
    with pytest.raises(TooManyTries):
        one.try_key(KEY, "10.0.0.1")
    one.try_key(KEY, "10.0.0.2")


def test_headers_of_flask_are_read_too() -> None:
    one = Entrance(KEY)
    assert one.admits(Headers(list(cookie_of(one).items())))
