from __future__ import annotations

from collections.abc import Callable

import pytest

from scoring.protocol.identity import (
    CHALLENGE_HEADER,
    DIGEST_HEADER,
    PROOF_HEADER,
    SessionSecret,
    body_digest,
)

SECRET = SessionSecret("of this session")
PATH = "/models/fashion/predict"


def test_a_signed_request_is_known_by_its_headers_alone() -> None:
    headers = SECRET.sign("POST", PATH, b"pixels")
    assert SECRET.has_signed("POST", PATH, headers)
    assert headers[DIGEST_HEADER] == body_digest(b"pixels")


@pytest.mark.parametrize("name", [CHALLENGE_HEADER, DIGEST_HEADER, PROOF_HEADER])
@pytest.mark.parametrize("change", [lambda _: "", lambda text: text[:-1], lambda _: "ü" * 64])
def test_a_request_whose_headers_were_touched_is_not_ours(
    name: str, change: Callable[[str], str]
) -> None:
    headers = SECRET.sign("POST", PATH, b"pixels")
    assert not SECRET.has_signed("POST", PATH, {**headers, name: change(headers[name])})


def test_a_signature_is_good_for_one_method_path_and_secret() -> None:
    headers = SECRET.sign("POST", PATH, b"")
    assert not SECRET.has_signed("GET", PATH, headers)
    assert not SECRET.has_signed("POST", "/predict", headers)
    assert not SessionSecret("another").has_signed("POST", PATH, headers)
    assert not SECRET.has_signed("POST", PATH, {})


def test_a_path_cannot_play_another_part() -> None:
    """Whoever chooses a path must not be able to make up what was signed before it."""
    headers = SECRET.sign("GET", "/a\n/b")
    moved = {**headers, DIGEST_HEADER: f"{headers[DIGEST_HEADER]}\n/a"}
    assert not SECRET.has_signed("GET", "/b", moved) or "\n" in moved[DIGEST_HEADER]
    assert not SECRET.has_signed("GET", "/b", headers)


def test_a_proof_is_good_for_one_challenge_status_and_body() -> None:
    proof = SECRET.prove("c1", 200, b"answer")
    assert SECRET.has_proved("c1", 200, b"answer", proof)
    assert not SECRET.has_proved("c2", 200, b"answer", proof)
    assert not SECRET.has_proved("c1", 413, b"answer", proof)
    assert not SECRET.has_proved("c1", 200, b"answer.", proof)
    assert not SECRET.has_proved("c1", 200, b"answer", "")
    assert not SessionSecret("another").has_proved("c1", 200, b"answer", proof)


def test_a_request_cannot_be_turned_into_an_answer() -> None:
    headers = SECRET.sign("GET", "/x")
    assert not SECRET.has_proved(headers[CHALLENGE_HEADER], 200, b"", headers[PROOF_HEADER])


def test_no_two_challenges_and_no_two_secrets_are_the_same() -> None:
    assert SECRET.sign("GET", "/")[CHALLENGE_HEADER] != SECRET.sign("GET", "/")[CHALLENGE_HEADER]
    assert SessionSecret.new() != SessionSecret.new()


def test_a_secret_is_not_shown() -> None:
    assert "of this session" not in f"{SECRET!r} {SECRET}"
