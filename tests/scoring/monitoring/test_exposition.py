"""What Prometheus is told of runs: read by its own parser, whatever state the ledger is in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from prometheus_client import parser
from prometheus_client.openmetrics import parser as open_parser

from scoring.monitoring.exposition import KEPT_SECONDS, RunCollector, exposition
from scoring.monitoring.thresholds import Thresholds
from scoring.records import run_monitoring
from scoring.records.labels import Labels, PictureKey
from scoring.records.ledger import ChunkCost, Ledger, Model, ScoredImage
from scoring.settings import Settings
from tests.scoring.records.scored import NIGHT

STARTED = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
ENDED = STARTED + timedelta(seconds=90)
FACTS = {
    "estimate": {"value": 0.91, "low": 0.88, "high": 0.94, "valid": True, "method": "cbpe"},
    "audited": {"value": 0.9},
    "drift": {"softmax": {"alarm": True, "M": 900.0}, "images": {"alarm": False}, "told": "x"},
    "thresholds": Thresholds(advised=True, nights=(True, True)).as_json(),
}


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    """Return a ledger after a night of two models, the first with all that monitoring finds."""
    with Ledger.from_settings(settings) as ledger:
        night = replace(NIGHT, started_at=STARTED)
        ledger.start_run(night)
        for place, (batch, name) in enumerate((("G1", "fashion"), ("N1", "digits"))):
            ledger.touch_batch("n1", batch, place, ["1.png", "2.png"], Model(name, f"v-{name}"))
            images = [
                ScoredImage(1, "1.png", f"{batch}1", "7", 0.75, "low confidence"),
                ScoredImage(2, "2.png", f"{batch}2", error="too small"),
            ]
            ledger.commit_chunk("n1", batch, f"v-{name}", images, ChunkCost(), STARTED)
            ledger.close_batch("n1", batch, 1.5)
        ledger.finish_run("n1", "partial", "", ENDED)
        run_monitoring.keep(ledger.database, "n1", "v-fashion", FACTS)
        yield ledger


def told(collector: RunCollector, accept: str = "") -> dict[str, float]:
    """Return the samples, each under its name and its labels' values."""
    body, content_type = exposition(collector, accept)
    read = open_parser if "openmetrics" in content_type else parser
    return {
        " ".join([sample.name.removeprefix("scoring_"), *sample.labels.values()]): sample.value
        for family in read.text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_the_last_run_is_told_model_by_model(
    settings: Settings, ledger: Ledger, accept: str
) -> None:
    found = told(RunCollector(settings), accept)
    fashion = {
        name.removeprefix("last_run_").removesuffix(" nightly fashion"): value
        for name, value in found.items()
        if name.endswith(" nightly fashion")
    }
    assert fashion == {
        **{"images": 2, "failed_images": 1, "flagged_images": 1, "mean_confidence_ratio": 0.75},
        **{"estimated_accuracy_ratio": 0.91, "estimated_accuracy_low_ratio": 0.88},
        **{"estimated_accuracy_high_ratio": 0.94, "estimate_valid": 1},
        **{"audited_accuracy_ratio": 0.9, "retrain_advised": 1},
        **{"alarm_active softmax": 1, "alarm_active images": 0},
    }
    assert "last_run_estimated_accuracy_ratio nightly digits" not in found
    assert found["last_run_model_info nightly digits v-digits"] == 1
    states = {name.split()[-1]: value for name, value in found.items() if "_state " in name}
    assert states == {"done": 0, "partial": 1, "failed": 0, "missed": 0}
    assert found["last_run_end_timestamp_seconds nightly"] == ENDED.timestamp()
    assert found["last_run_duration_seconds nightly"] == 90
    assert (found["runs_unfinished"], found["reviews_waiting"]) == (0, 4)
    assert (found["alerts_waiting"], found["ledger_up"]) == (0, 1)


def test_it_grows_with_no_run(settings: Settings, ledger: Ledger) -> None:
    before = told(RunCollector(settings)).keys()
    for day in range(1, 6):
        due = STARTED.date() + timedelta(day)
        ledger.start_run(replace(NIGHT, id=f"m{day}", due_date=due))
        ledger.finish_run(f"m{day}", "missed", "", ENDED)
    after = told(RunCollector(settings))
    assert len(after) <= len(before)
    assert after["last_run_state nightly missed"] == 1


def test_the_ledger_is_read_once_in_some_seconds(settings: Settings, ledger: Ledger) -> None:
    clock = Clock()
    collector = RunCollector(settings, clock)
    assert told(collector)["runs_unfinished"] == 0
    ledger.start_run(replace(NIGHT, id="n2", kind="manual", due_date=None))
    clock.now = KEPT_SECONDS - 1
    assert told(collector)["runs_unfinished"] == 0
    clock.now = KEPT_SECONDS
    assert told(collector)["runs_unfinished"] == 1


def test_a_review_makes_one_picture_less_wait(settings: Settings, ledger: Ledger) -> None:
    clock = Clock()
    collector = RunCollector(settings, clock)
    assert told(collector)["reviews_waiting"] == 4
    said = Labels(ledger).add(
        PictureKey("G1", "1.png", "G11"), "label", "7", reviewer="anna", source="desk"
    )
    clock.now += KEPT_SECONDS
    assert told(collector)["reviews_waiting"] == 3
    Labels(ledger).undo(said.id, "anna")
    clock.now += KEPT_SECONDS
    assert told(collector)["reviews_waiting"] == 4


def test_without_a_ledger_that_can_be_read_it_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told(RunCollector(settings)) == {"ledger_up": 0}
    assert not settings.ledger_file.exists()
    Ledger.from_settings(settings).close()
    assert told(RunCollector(settings))["ledger_up"] == 1
    monkeypatch.setattr("scoring.monitoring.exposition.BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(settings.ledger_file, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("CREATE TABLE x (y)")
        settings.ledger_file.with_name("ledger.db-wal").touch()
        assert told(RunCollector(settings)) == {"ledger_up": 0}
    settings.ledger_file.write_bytes(b"no ledger" * 1000)
    assert told(RunCollector(settings)) == {"ledger_up": 0}


def test_what_cannot_be_read_as_facts_is_left_out(settings: Settings, ledger: Ledger) -> None:
    strange: dict[str, object] = {
        "estimate": {"value": "?", "valid": 1},
        "audited": [],
        "drift": None,
    }
    run_monitoring.keep(ledger.database, "n1", "v-fashion", strange)
    found = told(RunCollector(settings))
    assert not any("accuracy" in name or "estimate" in name for name in found)
    assert found["last_run_images nightly fashion"] == 2
