"""Who sent a request, by what a browser says of it."""

from __future__ import annotations

import pytest

from scoring.protocol.same_origin import sender


@pytest.mark.parametrize(
    ("scheme", "host", "origin", "found"),
    [
        ("http", "desk.shop:5050", "http://desk.shop:5050", "own"),
        ("http", "desk.shop", "http://desk.shop", "own"),
        ("http", "desk.shop:80", "http://desk.shop", "own"),
        ("https", "desk.shop", "https://desk.shop:443", "own"),
        ("http", "DESK.shop", "http://desk.SHOP", "own"),
        ("http", "[::1]:5050", "http://[::1]:5050", "own"),
        ("http", "desk.shop:5050", "http://desk.shop", "foreign"),
        ("http", "desk.shop", "https://desk.shop", "foreign"),
        ("http", "desk.shop", "http://desk.shop.evil.example", "foreign"),
        ("http", "desk.shop", "http://evil.example", "foreign"),
        ("http", "desk.shop", "null", "foreign"),
        ("http", "desk.shop", "http://[::1", "foreign"),
        ("http", "desk.shop", "http://desk.shop:http", "foreign"),
        ("http", "", "http://", "foreign"),
    ],
)
def test_where_only_origin_tells(scheme: str, host: str, origin: str, found: str) -> None:
    assert sender({"Host": host, "Origin": origin}, scheme) == found


def test_sec_fetch_site_is_believed_first() -> None:
    origin = {"Host": "desk.shop", "Origin": "http://desk.shop"}
    assert sender({**origin, "Sec-Fetch-Site": "cross-site"}, "http") == "foreign"
    assert sender({"Host": "desk.shop", "Sec-Fetch-Site": "same-origin"}, "http") == "own"


def test_a_program_says_nothing() -> None:
    assert sender({"Host": "desk.shop"}, "http") == "unknown"
