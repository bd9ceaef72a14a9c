from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from scoring.records.events_log import EventsLog
from scoring.records.ledger import ChunkCost, Ledger, Run, ScoredImage
from scoring.records.publish import publish_results
from scoring.settings import Settings

NOW = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)
RUN = Run("r1", "manual", None, "new", ("G1",), "running", "", "fashion", "v1", NOW, None)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with Ledger(settings.ledger_file, 1.0) as ledger:
        ledger.start_run(RUN)
        yield ledger


@pytest.fixture
def events(settings: Settings) -> EventsLog:
    return EventsLog(settings.logs_folder, 100_000, 2)


def score(ledger: Ledger, images: int) -> None:
    """List three images in the run and score the first ones."""
    ledger.touch_batch("r1", "G1", 0, ["1.png", "2.png", "3.png"])
    scored = [
        ScoredImage(num, f"{num}.png", "d", label="Bag", confidence=0.9)
        for num in range(1, images + 1)
    ]
    ledger.commit_chunk("r1", "G1", "v1", scored, ChunkCost(), NOW)


def test_what_was_scored_before_the_end_is_shown_and_the_rest_says_that_it_waits(
    settings: Settings, ledger: Ledger, events: EventsLog
) -> None:
    score(ledger, 2)
    assert ledger.unwritten_batches() == {"G1"}
    assert publish_results(settings, ledger, events, RUN) == settings.results_file
    lines = settings.results_file.read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(",")[3] for line in lines] == ["Item", "Bag", "Bag", ""]
    assert "not scored yet" in lines[3]
    copy = settings.logs_folder / "runs" / "r1" / "Results.csv"
    assert copy.read_bytes() == settings.results_file.read_bytes()
    assert ledger.unwritten_batches() == frozenset()


@pytest.mark.parametrize("images", [None, 0])
def test_a_run_with_nothing_to_show_leaves_the_results_alone(
    settings: Settings, ledger: Ledger, events: EventsLog, images: int | None
) -> None:
    if images is not None:
        score(ledger, images)
    assert publish_results(settings, ledger, events, RUN) is None
    assert not settings.results_file.exists()


def test_results_that_cannot_be_put_in_place_stay_owed(
    settings: Settings, ledger: Ledger, events: EventsLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    score(ledger, 3)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        publish_results(settings, ledger, events, RUN)
    assert ledger.unwritten_batches() == {"G1"}
