"""Every path has an answer of its own: none is redirected, and a verb is not taken for a name."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest
import requests
from flask import Flask

from scoring.settings import Settings
from server.app import create_app
from server.dialects import DIALECTS
from server.manners import manners_at
from server.models import ModelTable, load_models
from tests.conftest import BUNDLE, running_server
from tests.deadlines import DEADLINE
from tests.server.raw import ask, head

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
HTML = "text/html; charset=utf-8"
# Who reads what these answered anew wants to begin; the last is how people type an address.
TO_PAGES = ("/upload", "/login", "/docs")


@pytest.fixture(scope="module")
def models() -> Iterator[ModelTable]:
    table = load_models((BUNDLE,), threads=1)
    yield table
    table.close()


@pytest.fixture(scope="module")
def app(models: ModelTable) -> Flask:
    return create_app(Settings(project=BUNDLE.parent), models=models, loopback=True)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_server(Settings(project=BUNDLE.parent)) as url:
        yield url


def paths_of(app: Flask) -> list[str]:
    """Return a path for each route of the application, also of those that no dialect has."""
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    return sorted(
        rule.replace("<name:name>", "fashion").replace("<name:version>", "1") for rule in rules
    )


def test_no_path_is_redirected(app: Flask) -> None:
    client, tried = app.test_client(), 0
    for path in paths_of(app):
        bare = path.rstrip("/")
        for spelling in {path, bare or "/", f"{bare}/", f"{bare}//", f"/{path}", f"{bare}?x=1"}:
            for method in METHODS:
                answer = client.open(spelling, method=method, headers={"Host": "localhost"})
                if bare in TO_PAGES and answer.location:
                    # As seen from there; whoever names the server does not come into it.
                    assert answer.location in ("./", "../docs")
                    continue
                assert not 300 <= answer.status_code < 400, (method, spelling)
                assert "Location" not in answer.headers
                is_told = answer.content_type in ("application/json", HTML)
                assert answer.status_code < 400 or is_told, (method, spelling)
                tried += 1
    assert tried > 100


NOTHING = [
    *(f"/v1/models/fashion:{verb}" for verb in ("classify", "regress", "explain", "PREDICT", "x")),
    "/v1/models/:predict",
    "/v1/models/fashion:predict/",
    "/v1/models/fashion:predict:predict",
    "/v1/models/fashion/labels/stable:predict",
    "/v1/models/fashion/versions/1:classify",
    "/v1/models/fashion/",
    *(f"/v2/models/fashion/{verb}" for verb in ("explain", "generate", "generate_stream", "x")),
    "/v2/models/fashion/infer/",
    "/v2/models/fashion/versions/1/explain",
    "/v2/models//infer",
    "/v2/repository/models/fashion/load",
    "/v2/systemsharedmemory/status",
    "/v2/cudasharedmemory/region/x/register",
    "/v2/trace/setting",
    "/invocations/",
    "/invocations/x",
    "/endpoints/fashion/explain",
    "/endpoints//invocations",
    "/api/2.0/x",
    "/api/2.0/endpoints/fashion/x",
    "/models/fashion/explain",
    "/models//predict",
    "/predict/",
]
WHAT_THERE_IS = {
    "own": "POST /models/{name}/predict",
    "open_inference": "POST /v2/models/{name}/infer",
    "mlflow": "POST /invocations",
    "tf_serving": "POST /v1/models/{name}:predict",
}


@pytest.mark.parametrize("path", NOTHING)
def test_who_asks_for_nothing_is_told_what_there_is(app: Flask, path: str) -> None:
    for method in ("POST", "PUT"):
        answer = app.test_client().open(path, method=method, data=b"{}")
        dialect = manners_at(path)
        assert (answer.status_code, "Allow" in answer.headers) == (404, False)
        assert WHAT_THERE_IS[dialect.name] in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/fashion/explain",
        "/v2/models/fashion/versions/1/generate",
        "/v1/models/fashion:classify",
        "/v1/models/fashion/labels",
        "/api/2.0/endpoints/fashion/x",
        "/v2/models/fashion/nothing/ready",
        "/v2/systemsharedmemory/region/x/status",
        "/v1/models/fashion/",
        "/v2/models/fashion/",
        "/v2/models/fashion//",
    ],
)
def test_a_word_behind_a_name_is_no_name(app: Flask, path: str) -> None:
    answer = app.test_client().get(path)
    assert answer.status_code == 404
    assert "there is nothing at this path" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models/fashion:predict"),
        ("GET", "/v2/models/fashion/infer"),
        ("POST", "/v1/models/fashion"),
        ("POST", "/v1/models/hats"),
        ("POST", "/v2/models/fashion/ready"),
        ("GET", "/models/fashion/predict"),
        ("DELETE", "/predict"),
    ],
)
def test_a_path_with_another_method_says_so(app: Flask, method: str, path: str) -> None:
    answer = app.test_client().open(path, method=method)
    assert answer.status_code == 405
    assert answer.headers["Allow"]


LONG = "X-Long: " + "x" * 70_000
UNREADABLE = {
    "headers too long": (LONG,),
    "a header without a colon": ("Host localhost",),
    "chunked twice": ("Transfer-Encoding: chunked, chunked",),
}


@pytest.mark.parametrize("lines", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize(
    ("target", "entries"),
    [
        ("/v2/models/fashion/infer", {"error"}),
        ("/%762/models/fashion/infer", {"error"}),
        ("/v1/models/fashion:predict?top=1", {"error"}),
        ("http://localhost/invocations", {"error_code", "message"}),
        ("/invocations/x", {"error_code", "message"}),
    ],
)
def test_whoever_sends_unreadable_headers_is_refused_in_his_dialect(
    url: str, lines: tuple[str, ...], target: str, entries: set[str]
) -> None:
    status, _, body = ask(url, head(*lines, target=target))
    assert status in (400, 431)
    answer = orjson.loads(body)
    assert answer.keys() == entries
    assert all(isinstance(value, str) for value in answer.values())


def test_a_request_line_without_end_names_its_path_too(url: str) -> None:
    status, _, body = ask(url, head(target="/v2/models/fashion/infer?" + "x" * 70_000))
    assert (status, type(orjson.loads(body)["error"])) == (431, str)


def test_each_place_of_a_dialect_is_refused_in_it(url: str) -> None:
    for dialect in DIALECTS:
        for path in dialect.paths:
            answer = requests.delete(url + path, timeout=DEADLINE)
            assert manners_at(path) is dialect
            assert 400 <= answer.status_code < 500
            wanted = {"error_code", "message"} if dialect.name == "mlflow" else {"error"}
            assert answer.json().keys() == wanted
