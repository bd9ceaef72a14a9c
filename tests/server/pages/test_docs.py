"""The page that tries the API: its files, what the browser is told, and that it wants no key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from scoring.settings import Settings
from server.pages.docs import CONTENT_TYPES, FILES, OPEN_PATHS, PAGE, WITH_SLASH
from server.pages.serving import content_of
from tests.conftest import BUNDLE, running_server
from tests.deadlines import DEADLINE

# An address with a host; the name of SVG's vocabulary is no address that anyone opens.
FOREIGN = re.compile(r"(?:https?:)?//(?!www\.w3\.org/2000/svg)[\w.-]+\.\w+")
INLINE = re.compile(r"<style|\bstyle=|\bon\w+=|<script(?![^>]*\bsrc=)|javascript:", re.IGNORECASE)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    settings = Settings(project=BUNDLE.parent, server={"models": (BUNDLE,), "api_key": "s3cret"})
    with running_server(settings) as url:
        yield url


@pytest.mark.parametrize("path", sorted(OPEN_PATHS - {WITH_SLASH}))
def test_a_file_of_the_page_wants_no_key_and_is_shown_nowhere_else(url: str, path: str) -> None:
    answer = requests.get(url + path, timeout=DEADLINE)
    name = path.removeprefix("/docs").removeprefix("/") or PAGE
    assert (answer.status_code, answer.content) == (200, content_of(FILES / name))
    assert answer.headers["Content-Type"] == CONTENT_TYPES.get(name, "text/html; charset=utf-8")
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy)
    assert {"connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy)
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers


def test_all_else_still_wants_the_key(url: str) -> None:
    for path in (
        "/",
        "/openapi.json",
        "/docs/docs.py",
        "/docs/../docs.py",
        "/docs/x/docs",
    ):
        assert requests.get(url + path, timeout=DEADLINE).status_code == 401, path


@pytest.mark.parametrize("name", ["docs.py", "../docs.py", "x/docs.js", "docs.js/", "docs.html"])
def test_no_other_file_is_served(url: str, name: str) -> None:
    headers = {"Authorization": "Bearer s3cret"}
    answer = requests.get(
        f"{url}/docs/{name.replace('..', '%2e%2e')}", headers=headers, timeout=DEADLINE
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_with_a_slash_behind_it_leads_to_the_page_also_below_a_prefix(url: str) -> None:
    answer = requests.get(f"{url}/docs/", timeout=DEADLINE, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (308, "../docs")
    assert requests.get(f"{url}/docs/", timeout=DEADLINE).url == f"{url}/docs"


def test_a_file_that_the_browser_has_is_not_sent_again(url: str) -> None:
    first = requests.get(f"{url}/docs/docs.js", timeout=DEADLINE)
    known = {"If-None-Match": first.headers["ETag"]}
    again = requests.get(f"{url}/docs/docs.js", headers=known, timeout=DEADLINE)
    assert (again.status_code, again.content) == (304, b"")


def test_every_file_there_is_a_part_of_the_page() -> None:
    assert {file.name for file in FILES.iterdir()} == {PAGE, *CONTENT_TYPES}
    texts = {file.name: file.read_text(encoding="utf-8") for file in text_files()}
    used = {name for name in CONTENT_TYPES if any(name in text for text in texts.values())}
    assert used == set(CONTENT_TYPES)


def test_nothing_is_loaded_from_elsewhere_and_nothing_stands_in_line() -> None:
    for file in text_files():
        text = file.read_text(encoding="utf-8")
        assert FOREIGN.findall(text) == [], file
        assert file.suffix != ".html" or INLINE.findall(text) == []
        assert not re.search(r"localStorage|sessionStorage|document\.cookie|innerHTML|eval\(", text)


def text_files() -> list[Path]:
    return [file for file in FILES.iterdir() if file.suffix != ".jpg"]
