"""What a path says it answers is what it answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from scoring.settings import Settings
from server.app import create_app
from tests.conftest import BUNDLE

GET, POST = "GET, HEAD, OPTIONS", "OPTIONS, POST"
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


@pytest.fixture(scope="module")
def client() -> Iterator[FlaskClient]:
    with create_app(Settings(project=BUNDLE.parent), loopback=True).test_client() as client:
        yield client


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/", GET),
        ("/health/live", GET),
        ("/metrics", GET),
        ("/monitoring/prometheus/metrics", GET),
        ("/openapi.json", GET),
        ("/docs", GET),
        ("/predict", POST),
        ("/models/fashion/predict", POST),
        ("/predictint", GET),
        ("/v2/models/fashion", GET),
        ("/v2/models/fashion/infer", POST),
        ("/v2/models/fashion/versions/1/infer", POST),
        ("/v1/models/fashion", GET),
        ("/v1/models/fashion:predict", POST),
        ("/invocations", POST),
        ("/api/2.0/endpoints/", GET),
        ("/api/2.0/endpoints", GET),
    ],
)
def test_allow_names_what_is_answered(client: FlaskClient, path: str, methods: str) -> None:
    assert client.options(path).headers["Allow"] == methods
    for method in METHODS:
        response = client.open(path, method=method)
        assert (response.status_code == 405) == (method not in methods.split(", ")), method
        assert response.headers.get("Allow", methods) == methods
        assert ("Allow" in response.headers) == (response.status_code == 405 or method == "OPTIONS")


def test_every_route_has_an_answer_to_each_method_it_names(client: FlaskClient) -> None:
    rules = [rule.rule for rule in client.application.url_map.iter_rules()]
    assert len(rules) > 20
    for rule in rules:
        path = rule.replace("<name:name>", "fashion").replace("<name:version>", "1")
        path = path.replace("<name:file>", "docs.css")
        allowed = client.options(path).headers["Allow"].split(", ")
        assert "GET" in allowed or "POST" in allowed
        for method in METHODS:
            assert (client.open(path, method=method).status_code != 405) == (method in allowed)
