from __future__ import annotations

import pytest

from scoring.processes.request_heads import why_no_head

REQUEST = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"


def test_every_beginning_of_a_request_may_become_one() -> None:
    assert {why_no_head(REQUEST[:end]) for end in range(len(REQUEST) + 1)} == {""}


@pytest.mark.parametrize(
    ("begun", "why"),
    [
        (b"\x16", "not TLS"),
        (b"\x16\x03\x01\x02\x00\x01\n", "not TLS"),
        (b"GET / HTTP/1.0\n", "CR LF"),
        (b"GET / HTTP/1.1\r\nHost: localhost\n", "CR LF"),
    ],
)
def test_what_begins_none_is_told(begun: bytes, why: str) -> None:
    assert why in why_no_head(begun)
