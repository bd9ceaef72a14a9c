"""The numbers of runs in Prometheus's words, for ``/metrics`` of server and desk.

The ledger is read once in some seconds at most, however many ask; where it cannot be read the page
says so in ``scoring_ledger_up`` and has all else that it has.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, get_args

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scoring.protocol.errors import LedgerError
from scoring.records.ledger_look import look_at_ledger
from scoring.records.rows import State
from scoring.settings import Settings

if TYPE_CHECKING:
    from scoring.monitoring.run_numbers import ModelNumbers, Numbers, ReviewsWaiting, RunNumbers

KEPT_SECONDS = 10.0
# Whoever asks waits so long for a locked ledger, no longer.
BUSY_SECONDS = 0.5
STATES = [state for state in get_args(State) if state != "running"]
RUN, MODEL = ("kind",), ("kind", "model")
Labels = tuple[str, ...]
Value = float | bool | None


class RunCollector(Collector):
    """Tells the numbers to whatever registry it is in. Thread-safe; it never fails."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._told: list[Metric] = []
        self._read_at: float | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics, as they were within the last seconds."""
        with self._lock:
            now = self._clock()
            if self._read_at is None or now - self._read_at >= KEPT_SECONDS:
                self._told, self._read_at = self._read(), now
            told = self._told
        yield from told

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: a registry would read the ledger to know the names."""
        return iter(())

    @cached_property
    def _waiting(self) -> ReviewsWaiting:
        from scoring.monitoring.run_numbers import ReviewsWaiting

        return ReviewsWaiting(self._settings.desk.days)

    def _read(self) -> list[Metric]:
        # What reads and judges a ledger is loaded once Prometheus asks: a server starts without.
        from scoring.monitoring.run_numbers import read_numbers

        try:
            with look_at_ledger(self._settings, BUSY_SECONDS, may_copy=False) as ledger:
                numbers = read_numbers(ledger, self._settings.now(), self._waiting)
        except LedgerError:
            return [_up(False)]
        return [_up(True), *tell(numbers)]


def exposition(collector: Collector, accept: str) -> tuple[bytes, str]:
    """Return a page with these numbers alone, and its content type."""
    registry = CollectorRegistry()
    registry.register(collector)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def tell(numbers: Numbers) -> Iterator[Metric]:
    """Yield the numbers as metrics; what nobody knows is left out."""
    yield from _of_runs(numbers.runs)
    yield from _of_models([(found, model) for found in numbers.runs for model in found.models])
    yield _plain("scoring_runs_unfinished", "Runs at work, or interrupted.", numbers.unfinished)
    reviews = "Pictures that wait for a person."
    yield _plain("scoring_reviews_waiting", reviews, numbers.reviews_waiting)
    alerts = "Messages that wait to be sent."
    yield _plain("scoring_alerts_waiting", alerts, numbers.alerts_waiting)


def _of_runs(runs: Sequence[RunNumbers]) -> Iterator[Metric]:
    states = [
        ((found.run.kind, state), state == found.run.state) for found in runs for state in STATES
    ]
    yield _gauge("scoring_last_run_state", "How it ended: 1.", ("kind", "state"), states)
    ended = [((one.run.kind,), _timestamp(one)) for one in runs]
    yield _gauge("scoring_last_run_end_timestamp_seconds", "When the last run ended.", RUN, ended)
    seconds = [((one.run.kind,), _seconds(one)) for one in runs]
    yield _gauge("scoring_last_run_duration_seconds", "How long it took.", RUN, seconds)


def _of_models(found: Sequence[tuple[RunNumbers, ModelNumbers]]) -> Iterator[Metric]:
    def of_each(name: str, help_: str, value: Callable[[ModelNumbers], Value]) -> Metric:
        samples = [((one.run.kind, model.name), value(model)) for one, model in found]
        return _gauge(f"scoring_last_run_{name}", help_, MODEL, samples)

    yield of_each("images", "Images of the last run.", lambda one: one.images)
    yield of_each("failed_images", "Those not to be read.", lambda one: one.failed)
    yield of_each("flagged_images", "Those that want a person.", lambda one: one.flagged)
    yield of_each(
        "mean_confidence_ratio", "Mean calibrated confidence.", lambda one: one.mean_confidence
    )
    estimated = "Accuracy as it is estimated without labels."
    yield of_each("estimated_accuracy_ratio", estimated, lambda one: one.estimated)
    yield of_each("estimated_accuracy_low_ratio", "Its interval's low end.", lambda one: one.low)
    yield of_each("estimated_accuracy_high_ratio", "Its interval's high end.", lambda one: one.high)
    yield of_each("estimate_valid", "Whether it can be trusted: 1.", lambda one: one.valid)
    yield of_each("audited_accuracy_ratio", "Accuracy by what people say.", lambda one: one.audited)
    yield of_each("retrain_advised", "Whether to retrain: 1.", lambda one: one.retrain)
    yield _gauge(
        "scoring_last_run_alarm_active", "Alarms of each detector that stand: 1.",
        ("kind", "model", "detector"),
        [
            ((one.run.kind, model.name, detector), stands)
            for one, model in found
            for detector, stands in (model.alarms or {}).items()
        ],
    )  # fmt: skip
    yield _gauge(
        "scoring_last_run_model_info", "Models that scored: 1.", ("kind", "model", "version"),
        [((one.run.kind, model.name, model.version), True) for one, model in found],
    )  # fmt: skip


def _timestamp(found: RunNumbers) -> float | None:
    return found.run.finished_at.timestamp() if found.run.finished_at else None


def _seconds(found: RunNumbers) -> float | None:
    """Return a run's duration by the wall clock, which may have been set back meanwhile."""
    ended = _timestamp(found)
    return None if ended is None else max(ended - found.run.started_at.timestamp(), 0.0)


def _up(is_up: bool) -> Metric:
    return _plain("scoring_ledger_up", "Whether the ledger could be read: 1.", is_up)


def _plain(name: str, help_: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_, value=float(value))


def _gauge(
    name: str, help_: str, labels: Labels, samples: Sequence[tuple[Labels, Value]]
) -> Metric:
    family = GaugeMetricFamily(name, help_, labels=labels)
    for values, value in samples:
        if value is not None:
            family.add_metric(values, float(value))
    return family
