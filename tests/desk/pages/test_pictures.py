"""The page ``/pictures``."""

from __future__ import annotations

from tests.desk.conftest import Browser


def test_it_is_there(browser: Browser) -> None:
    assert "<h1>" in browser.get("/pictures").text
