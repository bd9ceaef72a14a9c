from __future__ import annotations

import pytest

from scoring.protocol.loopback import is_loopback, is_loopback_url


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "10.0.0.1", "shop.example", "localhost.example", "127.0.0.1."]
)
def test_any_other(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("http://127.0.0.1:5000", True),
        ("http://[::1]:5000/predict", True),
        ("https://LOCALHOST", True),
        ("http://127.0.0.1@shop.example", False),
        ("http://shop.example:5000", False),
    ],
)
def test_a_url_is_where_it_points(url: str, ours: bool) -> None:
    assert is_loopback_url(url) is ours
