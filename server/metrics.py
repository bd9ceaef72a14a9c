"""What the server counts of its work, for Prometheus (``GET /metrics``).

Where several processes serve together, each writes its numbers into the folder that
``PROMETHEUS_MULTIPROC_DIR`` names, and whoever is asked tells the sum of all.

psutil is loaded where somebody asks: no start needs it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from scoring.protocol.signature import Signature
from server.handler import Answer
from server.shared_metrics import SHARED_FOLDER

PATH = "/metrics"
# Where TensorFlow Serving has its own, as whoever watches one will ask.
SERVING_PATH = "/monitoring/prometheus/metrics"
LIVE_GAUGE = re.compile(r"gauge_live\w*_(\d+)\.db")
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
IMAGES = (1, 2, 8, 32, 128, 512, 2_048, 8_192, 20_000)
CONFIDENCES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0)


class Metrics:
    """The numbers of one application. Thread-safe.

    ``runs`` tells besides what the ledger knows of runs.
    """

    def __init__(self, signatures: Iterable[Signature], runs: Collector | None = None) -> None:
        self._runs = runs
        self._registry = CollectorRegistry()
        by_dialect = ("dialect",)
        self._requests = self._counter(
            "scoring_requests", "Requests answered.", "dialect", "status"
        )
        self._seconds = self._histogram(
            "scoring_request_seconds",
            "From a whole request to its answer, waiting included.",
            SECONDS,
            *by_dialect,
        )
        self._waits = self._histogram(
            "scoring_queue_wait_seconds", "How long whole requests wait for a thread.", SECONDS
        )
        self._images = self._counter(
            "scoring_images", "Images by what became of them.", "dialect", "model", "outcome"
        )
        self._sizes = self._histogram(
            "scoring_request_images", "Images of a request.", IMAGES, *by_dialect
        )
        self._confidence = self._histogram(
            "scoring_confidence", "Calibrated confidence of each prediction.", CONFIDENCES, "model"
        )
        self._in_flight = self._gauge(
            "scoring_in_flight_bytes", "Memory that requests hold, of server.max_memory_bytes."
        )
        self._resident = self._gauge("scoring_resident_memory_bytes", "Memory of the server.")
        info = self._gauge("scoring_model_info", "Models served: 1.", "model", "version", how="max")
        for signature in signatures:
            info.labels(signature.name, signature.version).set(1)
        _forget_the_dead()

    def answered(self, dialect: str, status: int, seconds: float) -> None:
        """Count a request that was answered or refused."""
        self._requests.labels(dialect, str(status)).inc()
        self._seconds.labels(dialect).observe(seconds)
        self._note_memory()

    def waited(self, seconds: float) -> None:
        """Note how long a request waited until a thread took it up."""
        self._waits.observe(seconds)

    def scored(self, dialect: str, answer: Answer, failed: int) -> None:
        """Count the images of a request: those that were scored, and those not to be read."""
        model, confidences = answer.signature.name, answer.predictions.confidence
        self._sizes.labels(dialect).observe(len(confidences) + failed)
        self._images.labels(dialect, model, "scored").inc(len(confidences))
        self._images.labels(dialect, model, "failed").inc(failed)
        _observe_all(self._confidence.labels(model), confidences)

    def unreadable(self, dialect: str, model: str) -> None:
        """Count a picture that was sent alone and could not be read."""
        self._sizes.labels(dialect).observe(1)
        self._images.labels(dialect, model, "failed").inc()

    def holds(self, count: int) -> None:
        """Note how many bytes requests hold now."""
        self._in_flight.set(count)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all numbers and their content type: Prometheus' own, or OpenMetrics."""
        self._note_memory()
        encode, content_type = choose_encoder(accept)
        return encode(self._all()), content_type

    def _all(self) -> CollectorRegistry:
        """Return a registry of all there is: of this process or of its siblings, too, and runs."""
        registry = CollectorRegistry()
        if SHARED_FOLDER in os.environ:
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types
        else:
            registry.register(self._registry)
        if self._runs:
            registry.register(self._runs)
        return registry

    def _note_memory(self) -> None:
        # psutil lies in files, and the system tells it in one: where none can be opened, requests
        # are answered still.
        with suppress(OSError, ImportError):
            import psutil

            with suppress(psutil.Error):
                self._resident.set(psutil.Process().memory_info().rss)

    def _counter(self, name: str, help_: str, *labels: str) -> Counter:
        return Counter(name, help_, labels, registry=self._registry)

    def _histogram(
        self, name: str, help_: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(name, help_, labels, buckets=buckets, registry=self._registry)

    def _gauge(
        self, name: str, help_: str, *labels: str, how: Literal["livesum", "max"] = "livesum"
    ) -> Gauge:
        return Gauge(name, help_, labels, registry=self._registry, multiprocess_mode=how)


def _observe_all(confidence: Histogram, values: NDArray[np.float64]) -> None:
    """Observe many values at once; one by one, those of 10,000 images take 20 ms."""
    counts = np.bincount(np.searchsorted(CONFIDENCES, values), minlength=len(CONFIDENCES) + 1)
    for bucket, count in zip(confidence._buckets, counts.tolist(), strict=True):
        if count:
            bucket.inc(count)
    confidence._sum.inc(float(values.sum()))


def _forget_the_dead() -> None:
    """Take out what processes that are gone held last; what they have counted stays."""
    folder = os.environ.get(SHARED_FOLDER)
    if folder is None:
        return
    import psutil

    for file in Path(folder).iterdir():
        live = LIVE_GAUGE.fullmatch(file.name)
        if live and not psutil.pid_exists(int(live[1])):
            mark_process_dead(int(live[1]))  # type: ignore[no-untyped-call]  # it has no types
