"""GET /metrics, read by Prometheus's own parsers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from prometheus_client import CollectorRegistry, Histogram, parser
from prometheus_client.openmetrics import parser as open_parser

from scoring.protocol.prediction import encode_request
from scoring.settings import Settings
from server.metrics import CONFIDENCES, _observe_all
from tests.conftest import BUNDLE, garment_pixels, running_server
from tests.deadlines import DEADLINE, wait_for
from tests.server.gunicorn_process import started
from tests.server.raw import ask, head

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
BODY = encode_request(range(5), garment_pixels(5), None)
Samples = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture
def url() -> Iterator[str]:
    settings = Settings(project=BUNDLE.parent, server={"max_request_bytes": 100_000})
    with running_server(settings) as url:
        yield url


def samples(url: str, accept: str = "", **headers: str) -> Samples:
    response = requests.get(
        f"{url}/metrics", headers={"Accept": accept, **headers}, timeout=DEADLINE
    )
    read = open_parser if "openmetrics" in response.headers["Content-Type"] else parser
    return {
        (sample.name, tuple(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in read.text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def score(url: str, **headers: str) -> list[float]:
    headers = {"Content-Type": "application/json", **headers}
    answer = requests.post(f"{url}/predict", data=BODY, headers=headers, timeout=DEADLINE)
    return [row["confidence"] for row in answer.json()["predictions"]]


@pytest.mark.parametrize("accept", ["", OPEN_METRICS])
def test_requests_and_images_are_counted(url: str, accept: str) -> None:
    confidences = score(url)
    requests.post(f"{url}/predict", json={}, timeout=DEADLINE)
    requests.get(f"{url}/v2/nothing", timeout=DEADLINE)
    requests.post(f"{url}/predict", files={"file": b"no picture"}, timeout=DEADLINE)
    two = [("file", ("a.png", b"no")), ("file", ("b.png", b"picture"))]
    requests.post(f"{url}/predict", files=two, timeout=DEADLINE)
    seen = samples(url, accept)
    assert seen["scoring_requests_total", ("own", "200")] == 2
    assert seen["scoring_requests_total", ("own", "400")] == 1
    assert seen["scoring_requests_total", ("own", "422")] == 1
    assert seen["scoring_requests_total", ("open_inference", "404")] == 1
    assert seen["scoring_images_total", ("own", "fashion", "scored")] == 5
    assert seen["scoring_images_total", ("own", "fashion", "failed")] == 3
    assert seen["scoring_request_images_sum", ("own",)] == 8
    assert seen["scoring_request_seconds_count", ("own",)] == 4
    assert seen["scoring_queue_wait_seconds_count", ()] >= 5
    assert seen["scoring_confidence_count", ("fashion",)] == 5
    assert seen["scoring_confidence_sum", ("fashion",)] == pytest.approx(sum(confidences))
    for bound in ("0.5", "0.9"):
        below = sum(confidence <= float(bound) for confidence in confidences)
        assert seen["scoring_confidence_bucket", (bound, "fashion")] == below
    assert seen["scoring_in_flight_bytes", ()] == 0
    assert seen["scoring_resident_memory_bytes", ()] > 10_000_000


def test_the_models_are_told_with_their_versions(url: str) -> None:
    ready = requests.get(f"{url}/health/ready", timeout=DEADLINE).json()
    (model,) = ready["models"]
    assert samples(url)["scoring_model_info", (model["name"], model["version"])] == 1


def test_what_is_refused_at_the_door_is_counted_too(url: str) -> None:
    ask(url, head("Content-Length: 100001", target="/v2/models/fashion/infer"))
    assert samples(url)["scoring_requests_total", ("open_inference", "413")] == 1


def test_whoever_watches_a_tensorflow_serving_finds_them_too(url: str) -> None:
    for accept in ("", OPEN_METRICS):
        asked = [
            requests.get(url + path, headers={"Accept": accept}, timeout=DEADLINE)
            for path in ("/metrics", "/monitoring/prometheus/metrics")
        ]
        assert [one.status_code for one in asked] == [200, 200]
        assert asked[0].headers["Content-Type"] == asked[1].headers["Content-Type"]
        names = [re.findall(r"^# TYPE (\w+)", one.text, re.M) for one in asked]
        assert {"scoring_model_info", *names[0]} <= set(names[1])
    # What else is not there is refused in that server's words.
    for path in ("/monitoring", "/monitoring/", "/monitoring/prometheus/other"):
        refused = requests.get(url + path, timeout=DEADLINE)
        assert refused.status_code == 404
        assert refused.json()["error"].startswith("there is nothing at this path; ")


def test_beyond_loopback_they_want_the_key() -> None:
    with running_server(Settings(project=BUNDLE.parent, server={"api_key": "s3cret"})) as url:
        for path in ("/metrics", "/monitoring/prometheus/metrics"):
            assert requests.get(url + path, timeout=DEADLINE).status_code == 401
        assert samples(url, Authorization="Bearer s3cret")


@pytest.mark.slow
def test_several_workers_tell_the_sum(tmp_path: Path) -> None:
    """Whichever is asked; and nothing of them is left behind."""
    key = {"Authorization": "Bearer s3cret"}
    settings = {
        "SCORING_SERVER__API_KEY": "s3cret",
        "SCORING_SERVER__MODELS": f'["{BUNDLE}"]',
        "TMPDIR": str(tmp_path),
    }
    with started(tmp_path, "--workers", "2", settings=settings) as gunicorn:
        url = gunicorn.url()
        pids: set[int] = set()

        def both_have_answered() -> bool:
            pids.add(requests.get(f"{url}/health/ready", timeout=DEADLINE).json()["pid"])
            return len(pids) == 2

        wait_for(both_have_answered, "an answer of each worker")
        for _ in range(10):
            score(url, **key)
        for _ in range(10):
            seen = samples(url, **key)
            assert seen["scoring_images_total", ("own", "fashion", "scored")] == 50
            assert seen["scoring_confidence_count", ("fashion",)] == 50
        assert seen["scoring_resident_memory_bytes", ()] > 20_000_000
        gunicorn.process.terminate()
        gunicorn.process.wait(DEADLINE)
    assert list(tmp_path.glob("garment-scorer-metrics-*")) == []


def test_values_observed_at_once_fall_where_single_ones_do() -> None:
    values = np.array([0.0, 0.2, 0.25, 0.3, 0.97, 0.98, 0.985, 1.0, 1.0])
    told = []
    for at_once in (True, False):
        registry = CollectorRegistry()
        histogram = Histogram("confidence", "", buckets=CONFIDENCES, registry=registry)
        if at_once:
            _observe_all(histogram, values[:4])
            _observe_all(histogram, values[4:])
        else:
            for value in values:
                histogram.observe(value)
        told.append(
            {s.name + str(s.labels): s.value for f in registry.collect() for s in f.samples}
        )
    created = "confidence_created{}"
    for one in told:
        assert one.pop(created) > 0
    assert told[0] == pytest.approx(told[1])
