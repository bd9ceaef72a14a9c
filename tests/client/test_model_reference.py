"""What a model said of held-out images comes into the ledger once, and never costs a run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from client import request
from scoring.inference.bundle import load_bundle
from scoring.protocol.errors import ExitCode
from scoring.protocol.reference import Reference
from scoring.protocol.signature import REFERENCE_NAME
from scoring.records import model_references
from scoring.records.ledger import Ledger
from scoring.settings import load_settings
from tests.client.lying_server import Answer, answering, relay
from tests.conftest import BUNDLE, running_server, write_batch


@pytest.fixture(autouse=True)
def batches(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORING_SCHEDULE__SETTLE_SECONDS", "0")
    monkeypatch.setenv("SCORING_CLIENT__RETRY_SECONDS", "0")
    for number, name in enumerate(("A", "B"), start=1):
        write_batch(project / "image_batches" / name, 4, seed=number)


@pytest.fixture
def url(project: Path) -> Iterator[str]:
    with running_server(load_settings()) as url:
        yield url


def run(url: str) -> int:
    return request.main(["A", "B", "--server", url])


def kept() -> Reference | None:
    signature = load_bundle(BUNDLE).signature
    with Ledger.from_settings(load_settings()) as ledger:
        return model_references.find(ledger.database, signature.version, len(signature.labels))


def events() -> str:
    return (load_settings().logs_folder / "Events-log.txt").read_text(encoding="utf-8")


def test_it_is_asked_for_once_and_never_again(url: str) -> None:
    asked: list[str] = []

    def listen(path: str, body: bytes, number: int) -> None:
        if path.endswith("/reference"):
            asked.append(path)

    with answering(relay(url, listen)) as between:
        assert run(between) == ExitCode.DONE
        assert run(between) == ExitCode.DONE
    assert asked == ["/models/fashion/reference"]
    reference = kept()
    assert reference
    assert reference.to_bytes() == (BUNDLE / REFERENCE_NAME).read_bytes()


def test_the_route_says_which_version_it_is_of(url: str) -> None:
    answer = requests.get(f"{url}/models/fashion/reference", timeout=30)
    assert answer.content == (BUNDLE / REFERENCE_NAME).read_bytes()
    assert answer.headers["ETag"] == f'"{load_bundle(BUNDLE).signature.version}"'
    assert requests.get(f"{url}/models/other/reference", timeout=30).status_code == 404


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"{}"), (500, b""), (200, b"PK nonsense"), (200, b"")]
)
def test_without_it_the_run_is_none_the_worse(url: str, status: int, body: bytes) -> None:
    asked: list[str] = []

    def lie(path: str, content: bytes, number: int) -> Answer | None:
        if not path.endswith("/reference"):
            return None
        asked.append(path)
        return status, body, {}

    with answering(relay(url, lie)) as between:
        assert run(between) == ExitCode.DONE
    assert len(asked) == 1
    assert kept() is None
    assert events().count("no-reference") == 1


def test_where_it_was_left_at_home_nothing_is_missing(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(BUNDLE, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (folder / REFERENCE_NAME).unlink()
    with running_server(load_settings(server={"models": (folder,)})) as url:
        answer = requests.get(f"{url}/models/fashion/reference", timeout=30)
        assert answer.status_code == 404
        assert "brings no reference" in answer.json()["error"]["message"]
        assert run(url) == ExitCode.DONE
    assert kept() is None
