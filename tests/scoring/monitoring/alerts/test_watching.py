from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from scoring.monitoring.alerts.rules import Watched
from scoring.monitoring.alerts.watching import read_watched
from scoring.monitoring.thresholds import Limit, Thresholds
from scoring.records import run_monitoring
from scoring.records.ledger import Ledger, Model, Run
from scoring.settings import Settings

NOW = datetime(2026, 11, 25, 18, 5, tzinfo=UTC)
RUN = Run("r1", "nightly", date(2026, 11, 25), "new", ("G1", "P1"), "done", "", "fashion", "v1",
          NOW, NOW)  # fmt: skip


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with Ledger(settings.ledger_file, 1) as ledger:
        ledger.start_run(RUN)
        ledger.touch_batch("r1", "G1", 0, [], Model("fashion", "v1"))
        ledger.touch_batch("r1", "P1", 1, [], Model("clothing", "v2"))
        yield ledger


def watched(ledger: Ledger, **facts: Any) -> Watched:
    run_monitoring.keep(ledger.database, "r1", "v1", facts)
    (found,) = read_watched(ledger.database, "r1", 80.0)
    return found


def test_where_nobody_looked_nothing_is_said(ledger: Ledger) -> None:
    assert read_watched(ledger.database, "r1", 80.0) == ()
    assert watched(ledger) == Watched(model="fashion")
    assert watched(ledger, drift=5, estimate=[], audited={}, thresholds=None) == Watched(
        model="fashion"
    )


def test_each_model_is_told_of_by_its_name(ledger: Ledger) -> None:
    run_monitoring.keep(ledger.database, "r1", "v1", {})
    run_monitoring.keep(ledger.database, "r1", "v2", {"drift": {"answers": {"alarm": True}}})
    first, second = read_watched(ledger.database, "r1", 80.0)
    assert first.drift is None
    assert "those that clothing was tested with: answers" in (second.drift or "")


def test_drift_is_what_detectors_stand_for(ledger: Ledger) -> None:
    calm, loud = {"alarm": False, "evidence": 1.5}, {"alarm": True, "evidence": 5e4}
    assert watched(ledger, drift={"confidence": calm, "brightness": calm}).drift == ""
    drift = {"confidence": {**loud, "words": "how sure it is"}, "contrast": loud, "audit": calm}
    assert (watched(ledger, drift=drift).drift or "").endswith(": how sure it is and contrast")


@pytest.mark.parametrize(
    ("audited", "estimate", "said"),
    [
        (None, {"value": 0.7, "low": 0.65, "high": 0.75, "valid": True}, "70.0 %"),
        (None, {"value": 0.7, "low": 0.65, "high": 0.75, "valid": False}, None),
        (None, {"value": 0.78, "low": 0.7, "high": 0.85, "valid": True}, None),
        (None, {"value": 0.9, "low": 0.7, "high": 0.95, "valid": True}, ""),
        (
            {"value": 0.6, "low": 0.5, "high": 0.7},
            {"value": 0.9, "high": 1, "valid": True},
            "judged",
        ),
        ({"value": 0.9, "low": 0.8, "high": 1}, {"value": 0.6, "high": 0.7, "valid": True}, ""),
        ({"value": None, "high": None}, {"value": 0.6, "high": 0.7, "valid": True}, "60.0 %"),
    ],
)
def test_accuracy_is_low_where_all_of_its_interval_is(
    ledger: Ledger, audited: object, estimate: object, said: str | None
) -> None:
    found = watched(ledger, audited=audited, estimate=estimate).accuracy
    assert found == said if not said else said in (found or "")


def test_retraining_is_advised_by_the_thresholds(ledger: Ledger) -> None:
    below = Limit("Shirt", 50, 0.6, 0.7)
    calm = Thresholds((below,), (True,))
    assert watched(ledger, thresholds=calm.as_json()).retrain == ""
    advised = Thresholds((below,), (True, True), advised=True).as_json()
    assert "2 of the last 2 nights" in (watched(ledger, thresholds=advised).retrain or "")
