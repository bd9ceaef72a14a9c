"""``GET /`` names every request that there is, of every dialect, and nothing else."""

from __future__ import annotations

import pytest
from flask import Flask

from scoring.settings import Settings
from server.app import create_app
from tests.conftest import BUNDLE

# Flask's own; they come with every route.
NOT_TOLD = {"HEAD", "OPTIONS"}


@pytest.fixture(scope="module")
def app() -> Flask:
    return create_app(Settings(project=BUNDLE.parent), loopback=True)


def test_it_says_what_this_is(app: Flask) -> None:
    front = app.test_client().get("/").get_json()
    assert front["status"] == "alive"
    assert front["models"][0]["name"] == "fashion"
    assert front["what"] == front["models"][0]["purpose"]


def test_no_start_waits_for_what_it_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def summaries(*_: object) -> dict[str, str]:
        made.append(1)
        return {"GET /": "what this is"}

    monkeypatch.setattr("server.openapi.summaries", summaries)
    client = create_app(Settings(project=BUNDLE.parent), loopback=True).test_client()
    assert not made
    for _ in range(2):
        assert client.get("/").get_json()["endpoints"] == {"GET /": "what this is"}
    assert len(made) == 1, "it is put together once"


def test_it_names_every_request_and_no_other(app: Flask) -> None:
    client = app.test_client()
    told = client.get("/").get_json()["endpoints"]
    described = client.get("/openapi.json").get_json()["paths"]
    operations = {
        f"{method.upper()} {path}": operation
        for path, item in described.items()
        for method, operation in item.items()
        if method in ("get", "post")
    }
    assert told.keys() == operations.keys()
    for request, words in told.items():
        assert words.endswith(operations[request]["summary"])
    routes = {
        f"{method} {rule.rule.replace('<name:', '{').replace('>', '}')}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - NOT_TOLD
    }
    assert told.keys() <= routes
    untold = {request for request in routes - told.keys() if not request.startswith("GET")}
    assert not untold


def test_each_dialect_is_there(app: Flask) -> None:
    told = app.test_client().get("/").get_json()["endpoints"]
    for request in (
        "POST /predict",
        "POST /invocations",
        "POST /v1/models/{name}:predict",
        "POST /v2/models/{name}/infer",
        "GET /metrics",
        "GET /docs",
    ):
        assert told[request]
