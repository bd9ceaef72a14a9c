"""What monitoring wrote down of a run (``run_monitoring``) → what the rules need of it.

Of a model's facts ``drift`` has a table for each detector (``alarm``, ``words``); ``audited`` and
``estimate`` have ``value``, ``low`` and ``high`` as shares of 1, and the estimate is ``valid`` or
not; ``thresholds`` are ``Thresholds``. What is not there was not looked at, and says nothing.
"""

from __future__ import annotations

from scoring.monitoring.alerts.rules import Watched
from scoring.monitoring.kept_facts import Facts, alarms, number, table, truth
from scoring.monitoring.thresholds import Thresholds, advice
from scoring.monitoring.words import listed
from scoring.records import run_monitoring
from scoring.records.database import Database

MODELS = "SELECT DISTINCT model_version, model_name FROM run_batches WHERE run_id = ?"


def read_watched(database: Database, run_id: str, accuracy_percent: float) -> tuple[Watched, ...]:
    """Return what was found of each model that a run scored with.

    Accuracy is low where all of its interval is below ``accuracy_percent``.
    """
    names = dict(database.query(MODELS, (run_id,)))
    found = run_monitoring.find(database, run_id)
    return tuple(
        _watched(names.get(version) or "", version, facts, accuracy_percent / 100)
        for version, facts in found.items()
    )


def _watched(name: str, version: str, facts: Facts, limit: float) -> Watched:
    model = name or version[:12]
    return Watched(
        drift=_drift(model, table(facts, "drift")),
        accuracy=_accuracy(model, facts, limit),
        retrain=_retrain(model, table(facts, "thresholds")),
        model=name,
    )


def _drift(model: str, drift: Facts) -> str | None:
    found = alarms(drift)
    standing = [str(drift[name].get("words", name)) for name, stands in found.items() if stands]
    if standing:
        return f"the pictures are unlike those that {model} was tested with: {listed(standing)}"
    return "" if found else None


def _accuracy(model: str, facts: Facts, limit: float) -> str | None:
    """Judge by what people found, else by the estimate where it is valid."""
    audited, estimate = table(facts, "audited"), table(facts, "estimate")
    for figures, is_known, what in (
        (audited, True, "by what people judged"),
        (estimate, bool(truth(estimate, "valid")), "by the estimate"),
    ):
        value, high = number(figures, "value"), number(figures, "high")
        if not is_known or value is None or high is None:
            continue
        if high < limit:
            return (
                f"{100 * value:.1f} % of the answers are right {what}, at most {100 * high:.1f} %"
            )
        # In between nobody can say.
        return "" if value >= limit else None
    return None


def _retrain(model: str, kept: Facts) -> str | None:
    thresholds = Thresholds.from_json(kept)
    if thresholds.advised:
        return advice(model, thresholds)
    return "" if thresholds.limits else None
