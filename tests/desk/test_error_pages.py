"""What is wrong is a page for a person and JSON for a program, never a traceback."""

from __future__ import annotations

import pytest
from flask import Flask

from desk.context import the_ledger
from scoring.records.ledger import Ledger
from scoring.settings import Settings
from tests.desk.conftest import Browser, browser_of


def break_at(app: Flask, settings: Settings) -> Browser:
    app.add_url_rule("/asks", "asks", view_func=lambda: str(the_ledger().runs(1)[0]))
    app.add_url_rule("/breaks", "breaks", view_func=lambda: 1 / 0)  # type: ignore[arg-type]
    return browser_of(app)


def test_a_damaged_ledger_is_a_page(app: Flask, settings: Settings) -> None:
    Ledger.from_settings(settings).close()
    settings.ledger_file.write_bytes(b"no database at all" * 100)
    answer = break_at(app, settings).get("/asks")
    assert answer.status_code == 503
    assert "<h1>The ledger cannot be read</h1>" in answer.text
    assert "damaged" in answer.text
    assert "The next run sets it aside, and takes its latest good backup." in answer.text


def test_nobody_is_asked_for_a_name_where_there_is_no_ledger(app: Flask) -> None:
    browser = browser_of(app)
    assert {browser.get(path).status_code for path in ("/", "/runs", "/review")} == {200}


@pytest.mark.parametrize("page", ["/", "/runs", "/review", "/pictures"])
def test_nobody_is_asked_for_a_name_where_the_ledger_is_damaged(
    settings: Settings, browser: Browser, page: str
) -> None:
    Ledger.from_settings(settings).close()
    settings.ledger_file.write_bytes(b"no database at all" * 100)
    assert browser.get(page).status_code == 503


def test_a_program_gets_json(app: Flask, settings: Settings) -> None:
    browser = break_at(app, settings)
    answer = browser.get("/asks", headers={"Accept": "application/json"})
    assert answer.status_code == 503
    assert answer.get_json()["error"]["code"] == "ledger-missing"
    assert (
        browser.get("/nowhere", headers={"Accept": "*/*"}).get_json()["error"]["code"] == "http_404"
    )


def test_a_bug_is_told_to_the_log_alone(
    app: Flask, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    answer = break_at(app, settings).get("/breaks")
    assert answer.status_code == 500
    assert "ZeroDivisionError" not in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_what_is_not_there_says_so(browser: Browser) -> None:
    answer = browser.get("/no-such-<page>")
    assert answer.status_code == 404
    assert "<h1>There is no such page</h1>" in answer.text
    assert "<page>" not in answer.text
    assert browser.delete("/who", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 405
