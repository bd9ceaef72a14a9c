"""What Prometheus is told of runs, read from the ledger: the last run of each kind, what waits.

Nothing here grows with the ledger: each number is of the last run, or a count of what is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, get_args

from msgspec import Struct

from scoring.monitoring.history import Figures
from scoring.monitoring.kept_facts import alarms, number, table, truth
from scoring.monitoring.thresholds import Thresholds
from scoring.records import run_monitoring
from scoring.records.labels import Labels
from scoring.records.ledger_reader import RUNS, LedgerReader
from scoring.records.row_columns import RUN_COLUMNS, read_run
from scoring.records.rows import Kind, Run
from scoring.records.waiting import candidates, state

KINDS: tuple[Kind, ...] = get_args(Kind)
LAST = f"SELECT {RUN_COLUMNS} FROM {RUNS} WHERE kind = ? AND state <> 'running'"
UNFINISHED = f"SELECT count(*) FROM {RUNS} WHERE state = 'running'"
ALERTS_WAITING = "SELECT count(*) FROM alert_deliveries WHERE state IN ('waiting', 'sending')"


class ModelNumbers(Struct, frozen=True):
    """What one model came to in a run; None is what nobody knows. Shares are 0 to 1.

    ``alarms``: of each detector, whether it stands.
    """

    name: str
    version: str
    images: int
    failed: int
    flagged: int
    mean_confidence: float | None
    estimated: float | None = None
    low: float | None = None
    high: float | None = None
    valid: bool | None = None
    audited: float | None = None
    alarms: Mapping[str, bool] | None = None
    retrain: bool | None = None


class RunNumbers(Struct, frozen=True):
    """A run that has ended, with what each of its models came to."""

    run: Run
    models: tuple[ModelNumbers, ...]


class Numbers(Struct, frozen=True):
    """All of it; ``reviews_waiting`` pictures want a person, ``alerts_waiting`` are to be sent."""

    runs: tuple[RunNumbers, ...]
    unfinished: int
    reviews_waiting: int
    alerts_waiting: int


class ReviewsWaiting:
    """How many pictures wait for a person; counted anew where that may have changed.

    Of 100,000 pictures it takes a tenth of a second, for which others would wait.
    """

    def __init__(self, days: int) -> None:
        self._span = timedelta(days=days)
        self._known: tuple[object, int] | None = None

    def count(self, ledger: LedgerReader, now: datetime) -> int:
        """Return the number; pictures grow too old within the hour."""
        key = (state(ledger), Labels(ledger).latest_id(), f"{now:%Y%m%d%H}")
        if self._known is None or self._known[0] != key:
            found = candidates(ledger, now - self._span)
            self._known = key, sum(not one.is_settled for one in found)
        return self._known[1]


def read_numbers(ledger: LedgerReader, now: datetime, waiting: ReviewsWaiting) -> Numbers:
    """Return the numbers; raises LedgerError."""
    return Numbers(
        runs=tuple(found for kind in KINDS if (found := _last_run(ledger, kind))),
        unfinished=_count(ledger, UNFINISHED),
        reviews_waiting=waiting.count(ledger, now),
        alerts_waiting=_count(ledger, ALERTS_WAITING),
    )


def _count(ledger: LedgerReader, statement: str) -> int:
    return int(ledger.database.query(statement)[0][0])


def _last_run(ledger: LedgerReader, kind: Kind) -> RunNumbers | None:
    rows = ledger.database.query(f"{LAST} ORDER BY number DESC LIMIT 1", (kind,))
    if not rows:
        return None
    run = read_run(rows[0])
    found = run_monitoring.find(ledger.database, run.id)
    tonight = Figures(run, tuple(ledger.figures_of(run)))
    names = dict.fromkeys(row.model.name for row in tonight.rows if row.images)
    models = (_model(tonight.of_model(name), name, found) for name in names)
    return RunNumbers(run, tuple(models))


def _model(figures: Figures, name: str, found: Mapping[str, Mapping[str, Any]]) -> ModelNumbers:
    version = next(row.model.version for row in figures.rows if row.images)
    facts = found.get(version, {})
    estimate, audited = table(facts, "estimate"), table(facts, "audited")
    thresholds = table(facts, "thresholds")
    return ModelNumbers(
        name=name,
        version=version,
        images=figures.images,
        failed=figures.failed,
        flagged=figures.flagged,
        mean_confidence=figures.mean_confidence,
        estimated=number(estimate, "value"),
        low=number(estimate, "low"),
        high=number(estimate, "high"),
        valid=truth(estimate, "valid"),
        audited=number(audited, "value"),
        alarms=alarms(table(facts, "drift")),
        retrain=Thresholds.from_json(thresholds).advised if thresholds else None,
    )
