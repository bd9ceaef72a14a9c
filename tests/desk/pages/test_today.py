"""The first page of the morning: how it was, what waits, what comes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from desk import reviewing
from desk.app import create_app
from scoring.monitoring.facts import dump_facts
from scoring.monitoring.report import facts_of
from scoring.processes.locks import instance_lock, run_lock
from scoring.protocol.errors import SettingsError
from scoring.records import run_reports
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Ledger
from scoring.settings import Settings, load_settings
from tests.deadlines import DEADLINE, wait_for
from tests.desk.conftest import Browser, browser_of
from tests.desk.waiting_pictures import NOW, Picture, add_run, drawn, flagged
from tests.scoring.monitoring.test_watch import dimmed
from tests.scoring.monitoring.watched_nights import Nights

MORNING = NOW + timedelta(hours=13)


def in_the_morning(settings: Settings) -> Browser:
    return browser_of(create_app(settings, loopback=True, now=lambda: MORNING))


def test_nothing_yet_says_what_to_do_and_what_comes(browser: Browser) -> None:
    page = browser.get("/").text
    assert "<h1>Nothing has been scored yet</h1>" in page
    assert "image_batches/MyBatch" in page
    assert "Next run" in page


def test_it_begins_with_the_verdict_of_the_report(settings: Settings) -> None:
    run_id = add_run(settings, [flagged(1), Picture("sure.png", review=None)])
    with Ledger.from_settings(settings) as ledger:
        ledger.close_batch(run_id, "G1", 2.0)
    page = in_the_morning(settings).get("/").text
    assert re.search(r"<h1>.*2 pictures of G1 were scored by hand; 1 wants a person.*</h1>", page)
    assert f'href="/runs/{run_id}/report"' in page


def test_it_tells_the_time_as_the_list_below_does(settings: Settings) -> None:
    """Between run and look the machine's zone was changed; the report says what it was then."""
    run_id = add_run(settings, [flagged(1)])
    with Ledger.from_settings(settings) as ledger:
        ledger.close_batch(run_id, "G1", 2.0)
        run = ledger.run(run_id)
        assert run
        kept = dump_facts(facts_of(ledger, run, EventsLog.from_settings(settings)))
        run_reports.keep(ledger.database, run_id, kept)
    away = load_settings(schedule={"zone": "Asia/Tokyo"})
    page = in_the_morning(away).get("/").text
    assert "By hand on Sunday 22 November 2026 · 03:05" in page
    assert "Sun 22 Nov, 03:05" in page


def test_it_says_whether_the_answers_can_be_believed(settings: Settings) -> None:
    with Ledger.from_settings(settings) as ledger:
        nights = Nights(settings, ledger)
        run = ledger.run(nights.add(300, dimmed))
        assert run
        facts = dump_facts(facts_of(ledger, run, nights.events))
        run_reports.keep(ledger.database, run.id, facts)
    page = in_the_morning(settings).get("/").text
    assert "<p>How right it is tonight is not known: the images are not those" in page


def test_what_waits_is_told_by_batch_and_reason(settings: Settings) -> None:
    add_run(settings, [flagged(1), flagged(2, review="not a garment?"), drawn(1)])
    add_run(settings, [flagged(3)], batch="<G2>", started=NOW + timedelta(hours=1))
    page = in_the_morning(settings).get("/").text
    assert "Review 4 pictures" in page
    assert "3 flagged, and 1 drawn at random to check how right the model is." in page
    assert 'href="/review?batch=%3CG2%3E"' in page
    assert "&lt;G2&gt;" in page
    assert "not a garment?" in page


def test_it_does_not_wait_until_very_many_are_read(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "READ_AT_ONCE", 0)
    run_id = add_run(settings, [flagged(1), flagged(2)])
    with Ledger.from_settings(settings) as ledger:
        ledger.close_batch(run_id, "G1", 2.0)
    browser = in_the_morning(settings)
    reads = Event()
    look = reviewing.Reviewing.look

    def waits_to_read(*arguments: Any) -> None:
        assert reads.wait(DEADLINE)
        look(*arguments)

    monkeypatch.setattr(reviewing.Reviewing, "look", waits_to_read)
    assert "Many pictures wait for review; they are being counted." in browser.get("/").text
    reads.set()
    wait_for(lambda: "Review 2 pictures" in browser.get("/").text, "the pictures are read")


def test_the_report_says_it_in_the_same_words(settings: Settings) -> None:
    run_id = add_run(settings, [flagged(1), flagged(2), drawn(1)])
    with Ledger.from_settings(settings) as ledger:
        ledger.close_batch(run_id, "G1", 2.0)
    browser = in_the_morning(settings)
    words = "2 flagged, and 1 drawn at random to check how right the model is."
    assert words in browser.get("/").text
    assert words in browser.get(f"/runs/{run_id}/report").text


def test_that_nothing_waits_is_said(settings: Settings) -> None:
    add_run(settings, [Picture("sure.png", review=None)])
    assert "Nothing waits for review." in in_the_morning(settings).get("/").text


def test_who_will_start_the_next_run(settings: Settings) -> None:
    add_run(settings, [flagged(1)])
    browser = in_the_morning(settings)
    assert "The scheduler is not running" in browser.get("/").text
    with instance_lock(settings, "python -m scheduler"):
        page = browser.get("/").text
    assert "the scheduler is up" in page
    assert "not running" not in page


def test_a_run_in_progress_says_how_far_it_is(settings: Settings) -> None:
    add_run(settings, [flagged(1), flagged(2)], state="running")
    with run_lock(settings, "a test"):
        assert "A run is in progress: 2 of 2 pictures." in in_the_morning(settings).get("/").text


def test_settings_that_went_wrong_are_told(settings: Settings) -> None:
    def broken() -> Settings:
        raise SettingsError("schedule.start_at: give a time <b>")

    app = create_app(settings, loopback=True, now=lambda: MORNING, read_settings=broken)
    page = browser_of(app).get("/").text
    assert "The settings are wrong: schedule.start_at: give a time &lt;b&gt;" in page


def test_a_ledger_that_cannot_be_read_is_a_page(settings: Settings) -> None:
    Ledger.from_settings(settings).close()
    settings.ledger_file.write_bytes(b"no database" * 1000)
    answer = in_the_morning(settings).get("/")
    assert answer.status_code == 503
    assert "The ledger cannot be read" in answer.text


@pytest.mark.parametrize(
    ("now", "waits"),
    [(NOW - timedelta(days=400), True), (NOW - timedelta(minutes=5), True),
     (NOW + timedelta(days=400), False), (datetime(9999, 12, 30, tzinfo=UTC), False),
     (datetime(1970, 1, 1, tzinfo=UTC), True)],
)  # fmt: skip
def test_a_clock_that_was_set_shows_every_page_all_the_same(
    settings: Settings, now: datetime, waits: bool
) -> None:
    add_run(settings, [flagged(1)])
    browser = browser_of(create_app(settings, loopback=True, now=lambda: now))
    for path in ("/", "/runs", "/pictures"):
        assert browser.get(path).status_code == 200
    assert ("Review 1 picture<" in browser.get("/").text) == waits


@pytest.mark.parametrize(
    ("now", "told"),
    [
        # The nights of 25 and of 23 hours; the run is at 18:05.
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "Today at 18:05"),
        (datetime(2026, 10, 24, 21, 30, tzinfo=UTC), "Tomorrow at 18:05"),
        (datetime(2026, 10, 24, 22, 30, tzinfo=UTC), "Today at 18:05"),
        (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "Today at 18:05"),
        (datetime(2026, 3, 28, 22, 30, tzinfo=UTC), "Tomorrow at 18:05"),
    ],
)
def test_the_next_run_is_told_by_the_clock_on_the_wall(
    project: Path, now: datetime, told: str
) -> None:
    settings = load_settings(schedule={"zone": "Europe/Berlin"})
    add_run(settings, [flagged(1)], started=now - timedelta(hours=5))
    here = now.astimezone(settings.zone)
    page = browser_of(create_app(settings, loopback=True, now=lambda: here)).get("/").text
    assert told in page
