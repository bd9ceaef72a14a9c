"""Behind a proxy: its headers are believed when the settings say so, and from no one else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from scoring.protocol.errors import SettingsError
from scoring.settings import Settings
from server.app import create_app
from tests.conftest import BUNDLE, running_server
from tests.deadlines import DEADLINE, wait_for

ACCESS = "scoring.server.access"
KEY = {"Authorization": "Bearer s3cret"}
# What two proxies made of it; the first entry is the caller's own invention.
FORWARDED = {
    "X-Forwarded-For": "6.6.6.6, 203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "scores.example",
    "X-Forwarded-Prefix": "/scorer",
}


def settings_with(**server: Any) -> Settings:
    return Settings(project=BUNDLE.parent, server={"models": (BUNDLE,), **server})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    counts = {f"forwarded_{what}": 1 for what in ("for", "proto", "host", "prefix")}
    with running_server(settings_with(api_key="s3cret", **counts)) as url:
        yield url


@pytest.fixture(scope="module")
def plain_url() -> Iterator[str]:
    with running_server(settings_with()) as url:
        yield url


def servers(url: str, headers: dict[str, str]) -> list[dict[str, str]]:
    answer = requests.get(f"{url}/openapi.json", headers=headers, timeout=DEADLINE)
    assert answer.status_code == 200
    found: list[dict[str, str]] = answer.json()["servers"]
    return found


def test_the_description_lies_below_the_prefix(url: str) -> None:
    assert servers(url, {**KEY, **FORWARDED}) == [{"url": "/scorer"}]
    assert servers(url, KEY) == [{"url": "/"}]


def test_nobody_is_believed_by_default(plain_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", ACCESS)
    assert servers(plain_url, FORWARDED) == [{"url": "/"}]
    assert callers_of(caplog) == ["127.0.0.1"]


def callers_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return whom the access log tells of; on a busy machine waitress tells of its queue, too."""
    return [one.message.split()[0] for one in caplog.records if one.name == ACCESS]


def test_as_many_hops_are_believed_as_there_are_proxies(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", ACCESS)
    servers(url, {**KEY, **FORWARDED})
    assert callers_of(caplog) == ["203.0.113.9"]


@pytest.mark.parametrize(
    ("forwarded", "caller"), [("6.6.6.6, 203.0.113.9", "203.0.113.9"), (None, "127.0.0.1")]
)
def test_what_is_refused_at_the_door_is_told_of_the_same_caller(
    url: str, forwarded: str | None, caller: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", ACCESS)
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    answer = requests.post(f"{url}/predict", data=bytes(900_000), headers=headers, timeout=DEADLINE)
    assert answer.status_code == 401
    wait_for(lambda: bool(callers_of(caplog)), "the line of a request")
    assert callers_of(caplog) == [caller]


def test_a_proxy_passes_on_the_public_name(url: str) -> None:
    named = {**KEY, "Host": "scores.example"}
    assert requests.get(url, headers=named, timeout=DEADLINE).status_code == 200


@pytest.mark.parametrize("what", ["for", "proto", "host", "prefix"])
def test_behind_a_proxy_others_come_over_loopback(what: str) -> None:
    with pytest.raises(SettingsError, match="wants a key"):
        create_app(settings_with(**{f"forwarded_{what}": 1}), loopback=True)


def test_behind_a_proxy_the_key_is_asked_for(url: str) -> None:
    answer = requests.get(url, headers=FORWARDED, timeout=DEADLINE)
    assert answer.status_code == 401


def test_a_part_of_another_server_knows_its_place() -> None:
    """Apache's WSGIScriptAlias says so in SCRIPT_NAME, which no caller can."""
    client = create_app(settings_with(allow_anonymous=True)).test_client()
    answer = client.get("/openapi.json", environ_overrides={"SCRIPT_NAME": "/scorer"})
    assert answer.get_json()["servers"] == [{"url": "/scorer"}]
