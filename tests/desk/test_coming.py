"""The next run, in the words of somebody who looks at a clock."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from desk.app import create_app
from desk.coming import what_comes
from scoring.machine_zone import look_anew
from scoring.records.ledger import FIRST_START, Ledger, Run
from scoring.settings import Settings, load_settings

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=BERLIN)


@pytest.fixture
def settings(project: Path) -> Settings:
    return load_settings(schedule={"zone": "Europe/Berlin", "start_at": "19:30"})


def words_at(settings: Settings, now: datetime, ledger: Ledger | None = None) -> str:
    app = create_app(settings, loopback=True, now=lambda: now)
    with app.test_request_context("/"):
        return what_comes(ledger).next


def test_today_or_tomorrow(settings: Settings) -> None:
    assert words_at(settings, NOON) == "Today at 19:35"
    assert words_at(settings, NOON + timedelta(hours=9)) == "Tomorrow at 19:35"


@pytest.mark.skipif(os.name == "nt", reason="TZ is not Windows'")
def test_another_zone_of_the_machine_is_taken_up(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the scheduler does: what is promised here is what it will do."""
    monkeypatch.setenv("SCORING_SCHEDULE__START_AT", "19:30")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    look_anew()
    try:
        app = create_app(load_settings(), loopback=True, now=lambda: NOON)
        with app.test_request_context("/"):
            assert what_comes(None).next == "Today at 19:35"
            monkeypatch.setenv("TZ", "Asia/Tokyo")
            assert what_comes(None).next == "Tomorrow at 19:35"
    finally:
        look_anew()


def test_what_is_due_or_goes_on(settings: Settings) -> None:
    late = NOON.replace(hour=20)
    with Ledger.from_settings(settings) as ledger:
        ledger.set_fact(FIRST_START, (NOON - timedelta(days=1)).isoformat())
        ledger.start_run(Run("y", "nightly", (NOON - timedelta(days=1)).date(), "new", (), "done",
                             "", "", "", NOON, NOON))  # fmt: skip
        assert "At once: the run of Wednesday 25 November" in words_at(settings, late, ledger)
        ledger.start_run(Run("t", "nightly", NOON.date(), "new", (), "running", "", "", "",
                             late, None))  # fmt: skip
        soon = late + timedelta(minutes=5)
        assert words_at(settings, soon, ledger).endswith("was interrupted and goes on")
