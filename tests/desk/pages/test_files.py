"""Stylesheet, scripts and mark: kept by browsers for as long as they are the same."""

from __future__ import annotations

import re

from desk.pages.files import CONTENT_TYPES, FOLDER, read_files
from scoring.protocol.stylesheets import read_stylesheet
from tests.desk.conftest import Browser


def test_a_file_is_kept_by_its_content(browser: Browser) -> None:
    (address,) = re.findall(r'href="(/files/\w+/desk.css)"', browser.get("/").text)
    answer = browser.get(address)
    assert answer.data == read_stylesheet(FOLDER / "desk.css")
    assert answer.content_type == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["Cache-Control"]
    older = browser.get("/files/000000000000/desk.css")
    assert older.status_code == 200
    assert older.headers["Cache-Control"] == "no-store", "an old page may ask while files change"


def test_nothing_else_is_served(browser: Browser) -> None:
    for name in ("..%2frendering.py", "nothing.css", "%2e%2e", "files.py"):
        assert browser.get(f"/files/0/{name}").status_code == 404
    assert all(name.endswith(tuple(CONTENT_TYPES)) for name in read_files())
