"""The rules alone, on headers; that the server keeps to them: test_door, test_api."""

from __future__ import annotations

import re
from contextlib import nullcontext

import pytest

from scoring.protocol.errors import BadRequest, SettingsError, Unauthorized
from scoring.protocol.identity import CHALLENGE_HEADER, PROOF_HEADER, SessionSecret
from scoring.settings import CODE_ROOT, ServerSettings
from server.access import Access, require_key_beyond_loopback
from server.dialects import DIALECTS, open_paths
from server.pages import docs

OPEN_PATHS = ("/health/live", "/health/ready")
OPEN = ServerSettings()
WITH_KEY = ServerSettings(api_key="s3cret")
ANYONE = ServerSettings(allow_anonymous=True)


@pytest.mark.parametrize(
    ("settings", "loopback", "refused"),
    [
        (OPEN, True, False),
        (OPEN, False, True),
        (WITH_KEY, False, False),
        (ANYONE, False, False),
        (ServerSettings(api_key=""), False, True),
    ],
)
def test_beyond_loopback_a_key_or_a_clear_word_is_wanted(
    settings: ServerSettings, loopback: bool, refused: bool
) -> None:
    with pytest.raises(SettingsError, match="API_KEY") if refused else nullcontext():
        require_key_beyond_loopback(settings, loopback)


@pytest.mark.parametrize(
    "given", ["Bearer s3cret", "bearer s3cret", "BEARER s3cret", "Bearer  s3cret"]
)
def test_the_key_opens(given: str) -> None:
    access = Access(WITH_KEY, OPEN_PATHS, loopback=False, secret=None)
    access.check("/predict", {"Authorization": given}, "HTTP/1.1", signed=False)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "s3cret",
        "Bearer",
        "Bearer ",
        "Bearer s3cre",
        "Bearer s3cret2",
        "Basic s3cret",
        "Bearer é",
    ],
)
def test_anything_else_does_not(given: str) -> None:
    """Who sent a key reads that it is another one, who sent none how one is sent."""
    access = Access(WITH_KEY, OPEN_PATHS, loopback=False, secret=None)
    has_key = given.startswith("Bearer ") and given != "Bearer "
    with pytest.raises(Unauthorized, match="is not this server's" if has_key else "send the"):
        access.check("/predict", {"Authorization": given}, "HTTP/1.1", signed=False)


def test_neither_a_signed_request_nor_an_open_path_wants_the_key() -> None:
    access = Access(WITH_KEY, OPEN_PATHS, loopback=False, secret=None)
    access.check("/predict", {}, "HTTP/1.1", signed=True)
    for path in OPEN_PATHS:
        access.check(path, {}, "HTTP/1.1", signed=False)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:5000", "127.0.0.1:5000", "[::1]:5000"])
def test_on_loopback_its_own_names_are_answered(host: str) -> None:
    Access(OPEN, OPEN_PATHS, loopback=True, secret=None).check(
        "/", {"Host": host}, "HTTP/1.1", signed=False
    )


@pytest.mark.parametrize("host", ["", "evil.example", "127.0.0.1.evil.example", "[::1", "10.0.0.1"])
@pytest.mark.parametrize("signed", [False, True])
def test_on_loopback_another_host_is_turned_away(host: str, signed: bool) -> None:
    headers = {"Host": host}
    with pytest.raises(BadRequest):
        Access(OPEN, OPEN_PATHS, loopback=True, secret=None).check(
            "/", headers, "HTTP/1.1", signed=signed
        )
    Access(OPEN, OPEN_PATHS, loopback=False, secret=None).check(
        "/", headers, "HTTP/1.1", signed=signed
    )


def test_a_program_that_speaks_http_1_0_need_not_name_a_host() -> None:
    access = Access(OPEN, OPEN_PATHS, loopback=True, secret=None)
    access.check("/", {}, "HTTP/1.0", signed=False)
    with pytest.raises(BadRequest):
        access.check("/", {"Host": "evil.example"}, "HTTP/1.0", signed=False)


def test_a_signature_is_of_one_method_path_and_session() -> None:
    secret = SessionSecret.new()
    headers = secret.sign("POST", "/predict", b"body")
    access = Access(OPEN, OPEN_PATHS, loopback=True, secret=secret)
    assert access.is_signed("POST", "/predict", headers)
    assert not access.is_signed("GET", "/predict", headers)
    assert not access.is_signed("POST", "/other", headers)
    assert not access.is_signed("POST", "/predict", {})
    other = Access(OPEN, OPEN_PATHS, loopback=True, secret=SessionSecret.new())
    assert not other.is_signed("POST", "/predict", headers)


def test_an_answer_is_proved_to_whoever_has_the_secret() -> None:
    secret = SessionSecret.new()
    headers = secret.sign("POST", "/predict")
    proof = Access(OPEN, OPEN_PATHS, loopback=True, secret=secret).proof(headers, 200, b"answer")
    assert secret.has_proved(headers[CHALLENGE_HEADER], 200, b"answer", proof[PROOF_HEADER])


def test_without_a_session_nothing_is_signed_or_proved() -> None:
    access, headers = (
        Access(OPEN, OPEN_PATHS, loopback=True, secret=None),
        SessionSecret.new().sign("GET", "/"),
    )
    assert not access.is_signed("GET", "/", headers)
    assert access.proof(headers, 200, b"") == {}


@pytest.mark.parametrize("document", ["SECURITY.md", "docs/api.md"])
def test_what_wants_no_key_is_written_down(document: str) -> None:
    text = " ".join((CODE_ROOT / document).read_text(encoding="utf-8").split())
    (said,) = re.findall(r"(?:Only|only) (`/[^.:;]*?) want (?:none|no key)", text)
    paths = set(re.findall(r"`(/[^`]*)`", said))
    assert paths == {*open_paths(DIALECTS), docs.PATH}
