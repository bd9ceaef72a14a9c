"""What monitoring wrote down of a run (``run_monitoring``) → what the rules need of it.

Of a model's facts ``drift`` has a table for each detector (``alarm``), ``audited`` and ``estimate``
have ``value``, ``low`` and ``high`` as shares of 1, the estimate ``valid``, too; ``thresholds`` are
``Thresholds``. What is not there was not looked at, and says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scoring.monitoring.alerts.rules import Watched
from scoring.monitoring.thresholds import Thresholds, words
from scoring.monitoring.words import listed
from scoring.records import run_monitoring
from scoring.records.database import Database

MODELS = "SELECT DISTINCT model_version, model_name FROM run_batches WHERE run_id = ?"
Facts = Mapping[str, Any]


def read_watched(database: Database, run_id: str, accuracy_percent: float) -> tuple[Watched, ...]:
    """Return what was found of each model that a run scored with.

    Accuracy is low where all of its interval is below ``accuracy_percent``.
    """
    names = dict(database.query(MODELS, (run_id,)))
    found = run_monitoring.find(database, run_id)
    return tuple(
        Watched(
            names.get(version) or version[:12],
            drift=_drift(_table(facts, "drift")),
            accuracy=_accuracy(facts, accuracy_percent / 100),
            retrain=_retrain(_table(facts, "thresholds")),
        )
        for version, facts in found.items()
    )


def _drift(drift: Facts) -> str | None:
    alarms = {
        name: one["alarm"]
        for name, one in drift.items()
        if isinstance(one, Mapping) and isinstance(one.get("alarm"), bool)
    }
    standing = sorted(name.replace("_", " ") for name, alarm in alarms.items() if alarm)
    if standing:
        return f"tonight is unlike what the model was tested with ({listed(standing)})"
    return "" if alarms else None


def _accuracy(facts: Facts, limit: float) -> str | None:
    """Judge by what people found, else by the estimate where it is valid."""
    audited, estimate = _table(facts, "audited"), _table(facts, "estimate")
    for figures, is_known, what in (
        (audited, True, "by what people judged"),
        (estimate, estimate.get("valid") is True, "by the estimate"),
    ):
        value, high = _number(figures, "value"), _number(figures, "high")
        if not is_known or value is None or high is None:
            continue
        if high < limit:
            return (
                f"{100 * value:.1f} % of the answers are right {what}, at most {100 * high:.1f} %"
            )
        # In between nobody can say.
        return "" if value >= limit else None
    return None


def _retrain(kept: Facts) -> str | None:
    thresholds = Thresholds.from_json(kept)
    if thresholds.advised:
        return words(thresholds).rstrip(".")
    return "" if thresholds.limits else None


def _table(facts: Facts, name: str) -> Facts:
    found = facts.get(name)
    return found if isinstance(found, Mapping) else {}


def _number(facts: Facts, name: str) -> float | None:
    value = facts.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if value is not None and is_number else None
