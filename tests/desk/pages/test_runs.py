"""What ran, page by page, and the report of each."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from desk.app import create_app
from desk.pages import runs
from scoring.processes.locks import run_lock
from scoring.records import model_switches
from scoring.records.ledger import ChunkCost, Ledger, Run, ScoredImage
from scoring.records.model_switches import ModelSwitch
from scoring.records.times import utc_text
from scoring.settings import Settings
from tests.desk.conftest import Browser, browser_of
from tests.desk.waiting_pictures import FASHION, NOW, Picture, add_run, flagged


def at_now(settings: Settings) -> Browser:
    return browser_of(create_app(settings, loopback=True, now=lambda: NOW))


def test_the_newest_come_first_page_by_page(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "RUNS_SHOWN", 2)
    ids = [
        add_run(settings, [flagged(n)], batch=f"B{n}", started=NOW - timedelta(days=5 - n))
        for n in range(5)
    ]
    browser, address, seen = at_now(settings), "/runs", []
    while address:
        page = browser.get(address).text
        seen += re.findall(r"/runs/([\w-]+)/report", page)
        address = "".join(re.findall(r'rel="next" href="(.*?)"', page))
    assert seen == ids[::-1]
    assert "no run before" in browser.get("/runs?before=no-such-run").text


def test_a_run_is_told_in_figures(settings: Settings) -> None:
    pictures = [flagged(1, 0.5), Picture("bad.png", error="cut off"), flagged(2, 0.7)]
    run_id = add_run(settings, pictures)
    with Ledger.from_settings(settings) as ledger:
        ledger.close_batch(run_id, "G1", 2.0)
    page = at_now(settings).get("/runs").text
    figures = re.findall(r'data-name="([\w ]+)"[^>]*>\s*(?:<span[^>]*>)?([^<]+)<', page)
    assert dict(figures) == {
        "State": "done", "Pictures": "3", "For a person": "2", "Failed": "1",
        "Mean confidence": "60\N{NO-BREAK SPACE}%", "Time": "2.0\N{NO-BREAK SPACE}s",
    }  # fmt: skip


def test_a_run_that_nobody_works_on_was_interrupted(settings: Settings) -> None:
    add_run(settings, [flagged(1)], state="running")
    browser = at_now(settings)
    assert ">interrupted<" in browser.get("/runs").text
    with run_lock(settings, "a test"):
        page = browser.get("/runs").text
    assert ">running<" in page
    assert "/report" not in page


def test_a_missed_night_says_so(settings: Settings) -> None:
    with Ledger.from_settings(settings) as ledger:
        ledger.start_run(Run("missed-1", "nightly", NOW.date(), "new", (), "missed",
                             "the machine was off <b>", "", "", NOW, NOW))  # fmt: skip
    page = at_now(settings).get("/runs").text
    assert '"wants">missed<' in page
    assert "the machine was off &lt;b&gt;" in page


def test_a_night_is_told_by_the_batches_it_had_pictures_of(settings: Settings) -> None:
    """It looks into every folder there is: after a month each named the same four, the oldest."""
    month = tuple(f"Nov {day}" for day in range(1, 29))
    with Ledger.from_settings(settings) as ledger:
        for days, had in ((2, "Nov 27"), (1, ""), (0, "Nov 28")):
            at = NOW - timedelta(days=days)
            ledger.start_run(Run(f"n{days}", "nightly", at.date(), "new", month, "running", "",
                                 FASHION.name, FASHION.version, at, None))  # fmt: skip
            if had:
                image = ScoredImage(1, "1.png", "a" * 64, label="Bag", confidence=0.9)
                ledger.touch_batch(f"n{days}", had, 0, ["1.png"])
                ledger.commit_chunk(f"n{days}", had, FASHION.version, [image], ChunkCost(), at)
                ledger.close_batch(f"n{days}", had, 1.0)
            why = "" if had else "no server answers <b>"
            ledger.finish_run(f"n{days}", "done" if had else "failed", why, at)
    page = at_now(settings).get("/runs").text
    beside = re.findall(r'<span class="soft"><bdi>(.*?)</bdi>', page)
    assert beside == ["Nov 28", "no server answers &lt;b&gt;", "Nov 27"]


@pytest.mark.slow
def test_a_report_is_served_and_made_anew_where_it_is_gone(settings: Settings) -> None:
    run_id = add_run(settings, [flagged(1)])
    answer = at_now(settings).get(f"/runs/{run_id}/report")
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "script" not in policy
    assert "<h1" in answer.text
    path = settings.logs_folder / "runs" / run_id / "report.html"
    assert path.read_bytes() == answer.data
    path.write_text("as it lies there")
    assert at_now(settings).get(f"/runs/{run_id}/report").text == "as it lies there"


def test_what_has_no_report_has_no_page(settings: Settings) -> None:
    run_id = add_run(settings, [flagged(1)], state="running")
    browser = at_now(settings)
    for one in (run_id, "no-such-run", "..", "%2e%2e%2fdata"):
        assert browser.get(f"/runs/{one}/report").status_code == 404


def test_which_version_serves_since_when_and_by_whom(settings: Settings) -> None:
    add_run(settings, [flagged(1)])
    assert "Which version serves" not in at_now(settings).get("/runs").text
    at = utc_text(NOW - timedelta(days=1))
    with Ledger.from_settings(settings) as ledger:
        for switch in (
            ModelSwitch("fashion", "a" * 64, "b" * 64, "promote", "<Ana>", at),
            ModelSwitch("fashion", "b" * 64, "a" * 64, "rollback", "Ben", at),
        ):
            model_switches.add(ledger.database, switch)
    text = re.sub(r"\s+", " ", re.sub(r"</?bdi>", "", at_now(settings).get("/runs").text))
    promoted = f"fashion {'b' * 12} in the place of {'a' * 12}, promoted by &lt;Ana&gt;"
    back = f"fashion {'a' * 12} again, in the place of {'b' * 12}, taken back by Ben"
    assert 0 < text.index(back) < text.index(promoted)
    assert text.count("from the server's next start on") == 1, "said once, not of each"


def test_nothing_yet_says_what_to_do(browser: Browser) -> None:
    assert "Nothing has been scored yet" in browser.get("/runs").text
