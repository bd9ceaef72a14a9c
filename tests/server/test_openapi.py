"""The API against its own description: every route is in it, and no input makes a 500."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import orjson
import pandas as pd
import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from scoring.protocol.prediction import encode_request
from scoring.settings import Settings
from server.app import create_app
from server.dialects import DIALECTS
from server.models import ModelTable, load_models
from tests.conftest import BUNDLE, garment_pixels

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]
# No body, and any name is a name: there is nothing about them that could be wrong.
NEVER_WRONG = [
    ("/", "GET"),
    ("/openapi.json", "GET"),
    ("/metrics", "GET"),
    ("/monitoring/prometheus/metrics", "GET"),
    ("/docs", "GET"),
    ("/docs/{file}", "GET"),
    ("/upload/{file}", "GET"),
    ("/login", "POST"),  # no key is wanted there
    *((telling.path, "GET") for dialect in DIALECTS for telling in dialect.tellings),
]
OPERATIONS = [
    *NEVER_WRONG,
    ("/upload", "POST"),
    ("/models/{name}/feedback", "POST"),
    *((scoring.path, scoring.method) for dialect in DIALECTS for scoring in dialect.scorings),
]
PIXELS = garment_pixels(3)
FRAME = pd.DataFrame(PIXELS)
JSON, CSV = "application/json", "text/csv"
INSTANCES = {"instances": PIXELS.reshape(-1, 28, 28).tolist()}
RECORDS = {"dataframe_records": FRAME.to_dict("records")}
BODIES = [
    ("/predict", JSON, encode_request(range(3), PIXELS, None)),
    ("/predict", JSON, FRAME.to_json().encode()),
    ("/predict", JSON, orjson.dumps(FRAME.to_json())),
    ("/predict", CSV, FRAME.to_csv().encode()),
    ("/invocations", JSON, orjson.dumps(RECORDS, option=orjson.OPT_NON_STR_KEYS)),
    ("/v1/models/fashion:predict", JSON, orjson.dumps(INSTANCES)),
]
TENSOR = {"name": "x", "datatype": "UINT8", "shape": [3, 784], "data": PIXELS.ravel().tolist()}
# Each kind of answer, and a refusal of each dialect.
ANSWERED = [
    ("POST", "/predict?top=2&probabilities=1", INSTANCES),
    ("POST", "/predict", {"instances": [[0] * 784] * 51}),
    ("POST", "/v1/models/{name}:predict", INSTANCES),
    ("POST", "/v1/models/{name}:predict", {"instances": 1}),
    ("POST", "/v2/models/{name}/infer", {"id": "one", "inputs": [TENSOR]}),
    ("POST", "/v2/models/{name}/infer", {}),
    ("POST", "/invocations", INSTANCES),
    ("POST", "/invocations", {}),
    *(
        ("GET", path, None)
        for path in (
            *("/", "/health/live", "/health/ready", "/ping", "/api/2.0/endpoints/"),
            *("/v1/models/{name}", "/v1/models/{name}/metadata"),
            *("/v2", "/v2/health/ready", "/v2/models/{name}"),
        )
    ),
]
# What calls the application without a network does not inflate its answers.
HEADERS = {"Host": "localhost", "Accept-Encoding": "identity"}
# Flask's own; OPTIONS and HEAD come with every route.
NOT_DESCRIBED = {"HEAD", "OPTIONS"}


@schemathesis.serializer("text/csv")
def _csv(context: schemathesis.SerializationContext, value: Any) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value)  # of any whole number
    return text.encode("utf-8", "replace")


@pytest.fixture(scope="module")
def models() -> Iterator[ModelTable]:
    table = load_models((BUNDLE,), threads=1)
    yield table
    table.close()


@pytest.fixture(scope="module")
def app(models: ModelTable) -> Flask:
    small = Settings(project=BUNDLE.parent, server={"max_request_bytes": 100_000, "max_rows": 50})
    return create_app(small, models=models, loopback=True)


@pytest.fixture(scope="module")
def api(app: Flask) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_wsgi("/openapi.json", app)


@pytest.mark.slow
@pytest.mark.hypothesis
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_request_breaks_the_server(
    api: schemathesis.BaseSchema, path: str, method: str, mode: GenerationMode
) -> None:
    if mode == GenerationMode.NEGATIVE and (path, method) in NEVER_WRONG:
        return

    @settings(
        max_examples=60 if method == "POST" else 20,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=api[path][method].as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case[Any]) -> None:
        # A flag without a value is never sent: what is left of the request may be right.
        assume([] not in (case.query or {}).values())
        response = case.call(headers=HEADERS)
        case.validate_response(response, checks=CHECKS)
        if mode == GenerationMode.NEGATIVE:
            assert 400 <= response.status_code < 500

    check()


@pytest.mark.parametrize(("path", "content_type", "whole"), BODIES)
@settings(max_examples=100)
@given(
    at=st.floats(0, 1),
    removed=st.integers(0, 40),
    put=st.binary(max_size=40) | st.text('[]{}",:0159\\n', max_size=40).map(str.encode),
    encoding=st.sampled_from(["identity", "gzip", "deflate"]),
    packed=st.booleans(),
)
def test_no_bytes_break_the_server(
    app: Flask,
    path: str,
    content_type: str,
    whole: bytes,
    at: float,
    removed: int,
    put: bytes,
    encoding: str,
    packed: bool,
) -> None:
    body = gzip.compress(whole) if packed else whole
    start = int(at * len(body))
    body = body[:start] + put + body[start + removed :]
    headers = {"Content-Type": content_type, "Content-Encoding": encoding}
    answer = app.test_client().post(path, data=body, headers=headers)
    assert answer.status_code == 200 or 400 <= answer.status_code < 500
    assert answer.get_json()


def test_every_route_is_described_and_no_other(app: Flask) -> None:
    document = app.test_client().get("/openapi.json").get_json()
    described = {
        (path, method.upper())
        for path, operations in document["paths"].items()
        for method in operations
        if method != "parameters"
    }
    routes = {
        (rule.rule.replace("<name:", "{").replace(">", "}"), method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - NOT_DESCRIBED
    }
    # They are refused, or lead to a page.
    routes -= {(path, "GET") for path, method in OPERATIONS if method != "GET"}
    routes -= {("/docs/", "GET")}
    routes -= {(path.rstrip("/"), method) for path, method in OPERATIONS if path.endswith("/")}
    assert described == routes == set(OPERATIONS)


def test_the_description_names_this_servers_limits(app: Flask) -> None:
    schemas = app.test_client().get("/openapi.json").get_json()["components"]["schemas"]
    assert schemas["PixelTable"]["properties"]["data"]["maxItems"] == 50
    assert schemas["PixelBlock"]["properties"]["shape"]["prefixItems"][1] == {"const": 784}
    for form in ("PixelBlock", "PixelTable"):
        _, listed, ranged = schemas[form]["properties"]["index"]["anyOf"]
        bounds = [listed["items"], ranged["properties"]["start"], ranged["properties"]["stop"]]
        assert all((one["minimum"], one["maximum"]) == (-(2**63), 2**64 - 1) for one in bounds)


def test_the_description_is_valid(app: Flask) -> None:
    document = app.test_client().get("/openapi.json").get_json()
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_every_operation_has_a_name_of_its_own_and_a_heading(app: Flask) -> None:
    document = app.test_client().get("/openapi.json").get_json()
    items = document["paths"].values()
    operations = [one for item in items for key, one in item.items() if key != "parameters"]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    headings = [heading["name"] for heading in document["tags"]]
    assert len(set(headings)) == len(headings)
    assert {tuple(operation["tags"]) for operation in operations} == {(one,) for one in headings}


@pytest.mark.parametrize(
    "pixels",
    [
        {"shape": [1, 784], "data": [0] * 784},
        {"shape": [1, 28, 28, 1], "data": [0] * 784},
        {"shape": [1, 784], "parameters": {"binary_data_size": 784}},
    ],
    ids=["flat", "with sides", "in binary"],
)
def test_what_infer_takes_is_right_by_the_description(app: Flask, pixels: dict[str, Any]) -> None:
    document = app.test_client().get("/openapi.json").get_json()
    example = document["components"]["examples"]["infer"]["value"]
    named = {"name": "x", "datatype": "UINT8", **pixels}
    validator = OAS31Validator({"$ref": "#/components/schemas/InferRequest", **document})
    validator.validate(example)
    validator.validate({**example, "inputs": [named]})


def test_programs_that_make_clients_can_read_the_description(app: Flask) -> None:
    document = app.test_client().get("/openapi.json").get_json()
    # It is read as a file of its own: nothing beside it is there.
    assert "externalValue" not in json.dumps(document)
    schemas = document["components"]["schemas"]
    # A bare list is not told from the bodies of other types.
    kinds = {resolved(one, document)["type"] for one in schemas["PredictionRequest"]["anyOf"]}
    assert kinds == {"object", "string"}
    # A property that is nothing but null has no type in most languages.
    properties = [
        one for schema in schemas.values() for one in schema.get("properties", {}).values()
    ]
    assert {"type": "null"} not in properties
    # Classes are made of components: an object within one of several has to be one.
    nameless = [
        (name, within)
        for name, schema in schemas.items()
        for one in (*alternatives(schema), schema.get("additionalProperties", {}))
        for within in (*one.get("properties", {}).values(), one.get("additionalProperties", {}))
        if "$ref" not in one and {"properties", "additionalProperties"} & within.keys()
    ]
    assert nameless == []


@pytest.mark.parametrize(("method", "path", "body"), ANSWERED, ids=[one[1] for one in ANSWERED])
def test_all_that_is_answered_is_described(
    app: Flask, method: str, path: str, body: object
) -> None:
    client = app.test_client()
    document = client.get("/openapi.json").get_json()
    answer = client.open(path.replace("{name}", "fashion"), method=method, json=body)
    responses = document["paths"][path.partition("?")[0]][method.lower()]["responses"]
    response = resolved(responses[str(answer.status_code)], document)
    schema = response["content"]["application/json"]["schema"]
    assert list(undescribed(answer.get_json(), [schema], document)) == []


def undescribed(value: Any, schemas: list[Any], document: Any, at: str = "") -> Iterator[str]:
    """Yield the place of each entry of a value that none of its schemas knows."""
    every = [one for schema in schemas for one in flat(resolved(schema, document), document)]
    if isinstance(value, list):
        items = [one["items"] for one in every if "items" in one]
        for one in value[:1]:
            yield from undescribed(one, items, document, f"{at}[]")
    named = [one["properties"] for one in every if "properties" in one]
    others = [one["additionalProperties"] for one in every if "additionalProperties" in one]
    if isinstance(value, dict) and (named or others):
        for name, one in value.items():
            known = [properties[name] for properties in named if name in properties] or others
            if not known:
                yield f"{at}.{name}"
            yield from undescribed(one, known, document, f"{at}.{name}")


def flat(schema: Any, document: Any) -> Iterator[Any]:
    """Yield a schema and what it may be one of."""
    yield schema
    for one in alternatives(schema):
        yield from flat(resolved(one, document), document)


def alternatives(schema: Any) -> list[Any]:
    return [*schema.get("anyOf", []), *schema.get("oneOf", [])]


def resolved(schema: Any, document: Any) -> Any:
    if "$ref" not in schema:
        return schema
    found = document
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return resolved(found, document)
