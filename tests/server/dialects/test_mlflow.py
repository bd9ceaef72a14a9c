"""MLflow's dialect, without Flask or a model, then as its callers meet it over HTTP.

The files in ``golden/mlflow`` are what callers send and get.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
import requests

from scoring.protocol.errors import ApiError, BadRequest, Unauthorized
from scoring.settings import Settings
from server.dialects import mlflow
from server.dialects.dialect import Call
from server.dialects.mlflow_schema import describe
from server.prediction_request import Detail
from tests.conftest import BUNDLE, garment_pixels, running_server
from tests.deadlines import DEADLINE
from tests.server.dialects.test_own import LIMITS, PIXELS, REFUSALS, SIGNATURE, answer
from tests.server.raw import ask, head

GOLDEN = Path(__file__).parent / "golden" / "mlflow"
CSV = {"Content-Type": "text/csv; charset=utf-8"}


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("dataframe_split", Detail()),
        ("dataframe_records", Detail(top=2)),
        ("instances", Detail()),
        ("inputs", Detail()),
    ],
)
def test_a_request_is_read(name: str, detail: Detail) -> None:
    body = (GOLDEN / f"{name}.request.json").read_bytes()
    headers = {"content-type": "application/json; format=pandas-split"}
    request = mlflow.decode(Call(body, headers=headers), SIGNATURE, LIMITS)
    assert request.pixels.tolist() == PIXELS
    assert request.detail == detail


@pytest.mark.parametrize("orient", ["split", "records", "values"])
def test_what_pandas_writes_is_read_bare(orient: Any) -> None:
    body = pd.DataFrame(PIXELS).to_json(orient=orient).encode()
    headers = {"content-type": f"application/json; format=pandas-{orient}"}
    request = mlflow.decode(Call(body, headers=headers), SIGNATURE, LIMITS)
    assert request.pixels.tolist() == PIXELS


def test_csv_is_read() -> None:
    call = Call((GOLDEN / "table.request.csv").read_bytes(), headers={"content-type": "text/csv"})
    request = mlflow.decode(call, SIGNATURE, LIMITS)
    assert (request.pixels.tolist(), list(request.ids)) == (PIXELS, ["left.png", 7])
    assert mlflow.weigh(call, SIGNATURE, LIMITS) >= len(call.body)


def test_an_answer_is_written() -> None:
    call = Call((GOLDEN / "dataframe_split.request.json").read_bytes())
    reply = mlflow.encode(mlflow.decode(call, SIGNATURE, LIMITS), answer())
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert reply.body == (GOLDEN / "answer.json").read_bytes().rstrip()


@pytest.mark.parametrize(("name", "refusal"), REFUSALS)
def test_a_refusal_is_written(name: str, refusal: ApiError) -> None:
    reply = mlflow.error(refusal)
    assert (reply.status, reply.content_type) == (refusal.status, "application/json")
    assert reply.body == (GOLDEN / f"{name}.error.json").read_bytes().rstrip()


@pytest.mark.parametrize(
    "document",
    [
        [1],
        {"params": {}},
        {"dataframe_b64": {}},
        {"instances": PIXELS, "inputs": PIXELS},
        {"instances": PIXELS, "params": []},
        {"instances": PIXELS, "params": 0},
        {"instances": PIXELS, "params": {"probabilities": "perhaps"}},
        {"instances": PIXELS, "params": {"top": 0}},
        {"instances": PIXELS, "params": {"top": [1]}},
    ],
)
def test_a_wrong_request_is_refused(document: Any) -> None:
    with pytest.raises(BadRequest):
        mlflow.decode(Call(orjson.dumps(document)), SIGNATURE, LIMITS)


def test_parameters_of_the_address_and_of_the_body_are_the_same() -> None:
    body = orjson.dumps({"inputs": PIXELS, "params": {"probabilities": True, "top": 1}})
    request = mlflow.decode(Call(body, query={"top": "3"}), SIGNATURE, LIMITS)
    assert request.detail == Detail(probabilities=True, top=3)


def test_each_route_is_described_once() -> None:
    described = describe(Settings().server, SIGNATURE).paths
    told = [telling.path for telling in mlflow.DIALECT.tellings]
    scored = [scoring.path for scoring in mlflow.DIALECT.scorings]
    assert sorted(described) == sorted(told + scored)


def test_an_error_without_a_name_of_its_own_is_internal() -> None:
    failed = ApiError("a bug")
    assert orjson.loads(mlflow.error(failed).body)["error_code"] == "INTERNAL_ERROR"
    assert orjson.loads(mlflow.error(Unauthorized("")).body)["error_code"] == "UNAUTHENTICATED"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    settings = Settings(
        project=BUNDLE.parent, server={"api_key": "s3cret", "max_request_bytes": 1_000_000}
    )
    with running_server(settings) as url:
        yield url


def post(url: str, path: str = "/invocations", **options: Any) -> requests.Response:
    headers = {"Authorization": "Bearer s3cret", **options.pop("headers", {})}
    return requests.post(url + path, headers=headers, timeout=DEADLINE, **options)


def test_it_sees_what_the_own_dialect_sees(url: str) -> None:
    frame = pd.DataFrame(garment_pixels(5)).add_prefix("pixel")
    split = frame.to_dict("split")
    own = post(url, "/predict", json={"dataframe_split": split}).json()["predictions"]
    answers = [
        post(url, json={"dataframe_split": split}),
        post(url, "/endpoints/fashion/invocations", json={"inputs": frame.to_numpy().tolist()}),
        post(url, data=frame.to_csv(index=False), headers=CSV),
        post(url, json={"dataframe_records": frame.to_dict("records"), "params": {"x": 1}}),
    ]
    for response in answers:
        assert response.json() == {"predictions": own}
    top = post(url, "/invocations?top=1", json={"dataframe_split": split}).json()["predictions"]
    assert [one["top"][0]["label"] for one in top] == [row["label"] for row in own]


def test_health_wants_no_key_and_the_rest_does(url: str) -> None:
    for path in ("/ping", "/health"):
        assert requests.get(url + path, timeout=DEADLINE).json() == {"ready": True}
    headers = {"Authorization": "Bearer s3cret"}
    metadata = requests.get(f"{url}/v2/models/fashion", headers=headers, timeout=DEADLINE).json()
    version = requests.get(f"{url}/version", headers=headers, timeout=DEADLINE)
    assert version.text == metadata["versions"][0]
    listed = requests.get(f"{url}/api/2.0/endpoints/", headers=headers, timeout=DEADLINE).json()
    one = requests.get(f"{url}/api/2.0/endpoints/fashion", headers=headers, timeout=DEADLINE).json()
    assert listed == {"endpoints": [one]}
    unslashed = requests.get(
        f"{url}/api/2.0/endpoints", headers=headers, timeout=DEADLINE, allow_redirects=False
    )
    assert unslashed.json() == listed
    assert one["endpoint_url"] == "/endpoints/fashion/invocations"


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("POST", "/invocations", {"headers": {}}, 401, "UNAUTHENTICATED"),
        ("GET", "/version", {"headers": {}}, 401, "UNAUTHENTICATED"),
        ("GET", "/invocations", {}, 405, "ENDPOINT_NOT_FOUND"),
        ("POST", "/ping", {}, 405, "ENDPOINT_NOT_FOUND"),
        ("GET", "/api/2.0/endpoints/hats", {}, 404, "RESOURCE_DOES_NOT_EXIST"),
        ("POST", "/endpoints/hats/invocations", {"data": "{}"}, 404, "RESOURCE_DOES_NOT_EXIST"),
        ("POST", "/api/2.0/endpoints/", {}, 405, "ENDPOINT_NOT_FOUND"),
        ("GET", "/endpoints/fashion", {}, 404, "RESOURCE_DOES_NOT_EXIST"),
        ("POST", "/invocations", {"data": "{}"}, 400, "BAD_REQUEST"),
        ("POST", "/invocations", {"json": {"inputs": [[0]]}}, 422, "INVALID_PARAMETER_VALUE"),
        ("POST", "/invocations", {"files": {"file": b""}}, 415, "INVALID_PARAMETER_VALUE"),
    ],
)
def test_it_is_refused_in_its_own_way(
    url: str, method: str, path: str, options: dict[str, Any], status: int, code: str
) -> None:
    options = {"headers": {"Authorization": "Bearer s3cret"}, **options}
    response = requests.request(method, url + path, timeout=DEADLINE, **options)
    assert response.status_code == status
    assert response.json().keys() == {"error_code", "message"}
    assert response.json()["error_code"] == code


def test_it_is_refused_in_its_own_way_before_its_body_has_come(url: str) -> None:
    lines = ("Content-Length: 1000001", "Authorization: Bearer s3cret")
    status, _, body = ask(url, head(*lines, target="/invocations"))
    assert (status, orjson.loads(body)["error_code"]) == (413, "RESOURCE_LIMIT_EXCEEDED")


def test_confidences_come_through_whole(url: str) -> None:
    rows = post(url, json={"instances": garment_pixels(3).tolist()}).json()["predictions"]
    confidences = np.array([row["confidence"] for row in rows])
    assert ((confidences > 0) & (confidences <= 1)).all()
