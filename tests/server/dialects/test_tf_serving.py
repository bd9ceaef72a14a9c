"""TensorFlow Serving's dialect, without Flask or a model, then as its callers meet it over HTTP.

KServe's first protocol has the same paths. The files in ``golden/tf_serving`` are what callers
send and get.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from msgspec.structs import asdict, replace

from scoring.protocol.errors import ApiError, BadRequest, InvalidPixels
from scoring.settings import CODE_ROOT, Settings
from server.dialects import tf_serving
from server.dialects.dialect import Call
from server.dialects.pictures import Outcome, PictureRequest
from server.dialects.tf_serving_schema import OUTPUTS, describe
from server.prediction_request import Detail
from tests.conftest import BUNDLE, garment_pixels, running_server
from tests.deadlines import DEADLINE
from tests.server.dialects.test_own import LIMITS, PIXELS, SIGNATURE, answer
from tests.server.raw import ask, head

GOLDEN = Path(__file__).parent / "golden" / "tf_serving"


@pytest.mark.parametrize(
    ("name", "written"),
    [("instances", "predictions"), ("named", "predictions"), ("inputs", "outputs")],
)
def test_a_request_is_read_and_answered(name: str, written: str) -> None:
    call = Call((GOLDEN / f"{name}.request.json").read_bytes())
    request = tf_serving.decode(call, SIGNATURE, LIMITS)
    assert request.pixels.tolist() == PIXELS
    reply = tf_serving.encode(request, answer())
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert reply.body == (GOLDEN / f"{written}.answer.json").read_bytes().rstrip()


def test_a_refusal_is_written() -> None:
    reply = tf_serving.error(InvalidPixels("row 0 is not a list of 4 pixels"))
    assert (reply.status, reply.content_type) == (422, "application/json")
    assert reply.body == (GOLDEN / "invalid_pixels.error.json").read_bytes().rstrip()


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ([], BadRequest),
        (PIXELS, BadRequest),
        ({"data": PIXELS}, BadRequest),
        ({}, BadRequest),
        ({"dataframe_split": {"data": PIXELS}}, BadRequest),
        ({"instances": PIXELS, "inputs": PIXELS}, BadRequest),
        ({"instances": PIXELS, "signature_name": "train"}, BadRequest),
        ({"instances": PIXELS, "signature_name": 7}, BadRequest),
        ({"instances": PIXELS, "signature_name": []}, BadRequest),
        ({"inputs": PIXELS[0][:2]}, InvalidPixels),
    ],
)
def test_a_wrong_request_is_refused(document: Any, error: type[ApiError]) -> None:
    with pytest.raises(error):
        tf_serving.decode(Call(orjson.dumps(document)), SIGNATURE, LIMITS)


@pytest.mark.parametrize("name", [None, "", "serving_default"])
def test_the_one_signature_may_be_named(name: str | None) -> None:
    body = orjson.dumps({"instances": PIXELS, "signature_name": name})
    assert tf_serving.decode(Call(body), SIGNATURE, LIMITS).pixels.tolist() == PIXELS


def test_a_picture_that_cannot_be_read_keeps_its_place() -> None:
    rows = tf_serving.decode(Call(orjson.dumps({"inputs": PIXELS})), SIGNATURE, LIMITS).pixels
    outcomes = (Outcome(0, rows[0]), Outcome(1, error=BadRequest("no")), Outcome(2, rows[1]))
    for as_columns in (False, True):
        detail = Detail(as_columns=as_columns)
        request = PictureRequest([0, 2], rows, outcomes=outcomes, detail=detail)
        document = orjson.loads(tf_serving.encode(request, answer()).body)
        if as_columns:
            assert document["outputs"]["label"] == ["shirt", None, "shoe"]
            errors = document["outputs"]["error"]
        else:
            errors = [row.get("error") for row in document["predictions"]]
        assert errors == [None, {"code": "bad_request", "message": "no"}, None]


@pytest.mark.parametrize(
    ("form", "told"),
    [("instances", {"predictions": []}), ("inputs", {"outputs": {name: [] for name in OUTPUTS}})],
)
def test_no_rows_are_none(form: str, told: dict[str, Any]) -> None:
    request = tf_serving.decode(Call(orjson.dumps({form: []})), SIGNATURE, LIMITS)
    seen = answer().predictions
    none = replace(seen, **{name: values[:0] for name, values in asdict(seen).items()})
    reply = tf_serving.encode(request, replace(answer(), predictions=none))
    assert orjson.loads(reply.body) == told


def test_each_route_is_described_once() -> None:
    described = describe(Settings().server, SIGNATURE).paths
    told = [telling.path for telling in tf_serving.DIALECT.tellings]
    scored = [scoring.path for scoring in tf_serving.DIALECT.scorings]
    assert sorted(described) == sorted(told + scored)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    models = [str(BUNDLE), str(CODE_ROOT / "models" / "digits")]
    settings = Settings(
        project=BUNDLE.parent, server={"models": models, "max_request_bytes": 1_000_000}
    )
    with running_server(settings) as url:
        yield url


def get(url: str, path: str) -> Any:
    return requests.get(url + path, timeout=DEADLINE).json()


def predict(url: str, model: str, document: Any, query: str = "") -> requests.Response:
    return requests.post(f"{url}/v1/models/{model}:predict{query}", json=document, timeout=DEADLINE)


def test_it_sees_what_the_own_dialect_sees(url: str) -> None:
    pixels = garment_pixels(4)
    split = {"dataframe_split": {"data": pixels.tolist()}}
    rows = requests.post(f"{url}/predict", json=split, timeout=DEADLINE).json()["predictions"]
    expected = [{name: row[name] for name in row if name != "id"} for row in rows]
    nested = pixels.reshape(4, 28, 28, 1).tolist()
    raw = [{"b64": base64.b64encode(row.tobytes()).decode()} for row in pixels]
    for instances in (pixels.tolist(), nested, raw):
        answer = predict(url, "fashion", {"instances": instances}).json()
        assert answer == {"predictions": expected}
    pictures = predict(url, "fashion", {"inputs": {"image_bytes": raw}}).json()["outputs"]
    assert pictures["label"] == [row["label"] for row in rows]
    outputs = predict(url, "fashion", {"inputs": {"x": nested}}, "?probabilities=1").json()[
        "outputs"
    ]
    assert outputs["confidence"] == [row["confidence"] for row in rows]
    assert [max(shares.values()) for shares in outputs["probabilities"]] == outputs["confidence"]


def test_versions_are_the_models_own(url: str) -> None:
    version = get(url, "/v2/models/digits")["versions"][0]
    body = {"instances": [[0] * 784]}
    plain = predict(url, "digits", body).json()
    for right in ("1", version, version[:8], version[:20]):
        assert predict(url, f"digits/versions/{right}", body).json() == plain
        status = get(url, f"/v1/models/digits/versions/{right}")
        assert (status["name"], status["version"]) == ("digits", version)
        spec = get(url, f"/v1/models/digits/versions/{right}/metadata")["model_spec"]
        assert spec["name"] == "digits"
    for wrong in ("2", version[:7], "0" * 64, version + "0"):
        response = predict(url, f"digits/versions/{wrong}", body)
        assert (response.status_code, list(response.json())) == (404, ["error"])
        assert "digits has version" in get(url, f"/v1/models/digits/versions/{wrong}")["error"]


def test_models_are_told_as_both_protocols_have_it(url: str) -> None:
    assert get(url, "/v1/models") == {"models": ["fashion", "digits"]}
    status = get(url, "/v1/models/fashion")
    (version,) = status["model_version_status"]
    assert (version["state"], version["status"]["error_code"]) == ("AVAILABLE", "OK")
    assert (status["name"], status["ready"]) == ("fashion", True)
    assert get(url, "/")["status"] == "alive"
    metadata = get(url, "/v1/models/fashion/metadata")
    described = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    sides = described["inputs"]["pixels"]["tensor_shape"]["dim"]
    assert [side["size"] for side in sides] == ["-1", "784"]
    assert described["outputs"]["confidence"]["dtype"] == "DT_DOUBLE"


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("POST", "/v1/models/hats:predict", {"data": "{}"}, 404),
        ("GET", "/v1/models/hats", {}, 404),
        ("GET", "/v1/models/", {}, 404),
        ("GET", "/v1/models/hats/metadata", {}, 404),
        ("GET", "/v1/models/fashion/versions/9/metadata", {}, 404),
        ("GET", "/v1/models/fashion/nothing", {}, 404),
        ("GET", "/v1/nothing", {}, 404),
        ("GET", "/v1", {}, 404),
        ("GET", "/v1/models/fashion:predict", {}, 405),
        ("GET", "/v1/models/fashion/versions/1:predict", {}, 405),
        ("POST", "/v1/models/fashion", {"data": "{}"}, 405),
        ("POST", "/v1/models/fashion:predict", {"data": "{"}, 400),
        ("POST", "/v1/models/fashion:predict", {"json": {"instances": [[0]]}}, 422),
        ("POST", "/v1/models/fashion:predict?top=x", {"json": {"instances": []}}, 400),
        ("POST", "/v1/models/fashion:predict", {"files": {"file": b""}}, 415),
    ],
)
def test_it_is_refused_in_its_own_way(
    url: str, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    response = requests.request(method, url + path, timeout=DEADLINE, **options)
    assert (response.status_code, list(response.json())) == (status, ["error"])
    assert isinstance(response.json()["error"], str)


def test_it_is_refused_in_its_own_way_before_its_body_has_come(url: str) -> None:
    status, _, body = ask(url, head("Content-Length: 1000001", target="/v1/models/fashion:predict"))
    assert (status, list(orjson.loads(body))) == (413, ["error"])
