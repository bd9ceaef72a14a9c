"""Every example in /openapi.json is sent as it stands, and answered."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from scoring.settings import CODE_ROOT, Settings
from server.app import create_app
from server.dialects.examples import PICTURE
from server.dialects.own_schema import IMAGE_EXAMPLE
from server.models import load_models
from tests.conftest import BUNDLE

# Of large images no numbers are written out.
FORMS = {"pictures", "dataframe_b64"}
SMALL_FORMS = {"instances", "inputs", "dataframe_split", "dataframe_records", "dataframe"}
Document = dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """A request as an example has it, and the statuses that the description names."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str | None
    name: str
    body: bytes
    statuses: frozenset[str]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    shutil.copy(PICTURE, tmp_path / IMAGE_EXAMPLE)
    return tmp_path


@pytest.mark.parametrize(
    ("bundle", "forms"),
    [
        (BUNDLE, FORMS | SMALL_FORMS),
        (CODE_ROOT / "models" / "digits", FORMS | SMALL_FORMS),
        (CODE_ROOT / "models" / "cats_dogs", FORMS),
    ],
)
def test_every_example_is_answered(images: Path, bundle: Path, forms: set[str]) -> None:
    settings = Settings(project=CODE_ROOT, server={"images": images})
    with closing(load_models((bundle,), threads=1)) as models:
        client = create_app(settings, models=models, loopback=True).test_client()
        document = client.get("/openapi.json").get_json()
        examples = list(examples_of(document))
        answers = [(send(client, one), one) for one in examples]
    wrong = [
        (status, one.method, one.path, one.query, one.name)
        for status, one in answers
        # What is not offered is described by its refusal alone.
        if status != (200 if "200" in one.statuses else 404)
    ]
    assert wrong == []
    own = {one.name for one in examples if one.path == "/predict"}
    assert own >= forms
    assert bool(own & SMALL_FORMS) == bool(forms & SMALL_FORMS)
    if forms > FORMS:
        operations = sum(len(item.keys() - {"parameters"}) for item in document["paths"].values())
        # The forms of the upload page and of its sign-in are tried in a browser.
        forms_of_pages = 2
        assert len({(one.method, one.path) for one in examples}) == operations - forms_of_pages


def send(client: FlaskClient, one: Sent) -> int:
    return client.open(
        one.path,
        method=one.method,
        query_string=one.query,
        data=one.body,
        content_type=one.content_type,
    ).status_code


def examples_of(document: Document) -> Iterator[Sent]:
    """Yield every operation with every example of its body, without and with what may be added."""
    for path, item in document["paths"].items():
        for method in set(item) - {"parameters"}:
            operation = item[method]
            parameters = [*item.get("parameters", []), *operation.get("parameters", [])]
            address = path.format_map(values(parameters, "path"))
            for content_type, name, body in bodies(document, operation):
                queries = [values(parameters, "query", needed=True), values(parameters, "query")]
                if name == "dataframe":  # its answer has no room for more
                    queries.pop()
                for query in queries:
                    statuses = frozenset(operation["responses"])
                    yield Sent(method, address, query, content_type, name, body, statuses)


def values(parameters: list[Document], place: str, *, needed: bool = False) -> dict[str, str]:
    """Return the examples of the parameters that stand there, or of those that must."""
    return {
        one["name"]: str(one["example"])
        for one in parameters
        if one["in"] == place and (one.get("required") or not needed)
    }


def bodies(document: Document, operation: Document) -> Iterator[tuple[str | None, str, bytes]]:
    if "requestBody" not in operation:
        yield None, "", b""
    for content_type, content in operation.get("requestBody", {}).get("content", {}).items():
        for name, example in content.get("examples", {}).items():
            value = document["components"]["examples"][name]["value"]
            assert example == {"$ref": f"#/components/examples/{name}"}
            yield (
                content_type,
                name,
                value.encode() if content_type == "text/csv" else orjson.dumps(value),
            )
