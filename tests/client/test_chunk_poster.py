"""Chunks on their way to servers that are busy, refuse, break off or lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import requests

from client import request
from scoring.protocol.errors import ExitCode
from scoring.records.ledger import Ledger
from scoring.settings import load_settings
from tests.client.lying_server import Answer, answering, is_predict, predictions, relay
from tests.conftest import write_batch
from tests.deadlines import DEADLINE


@pytest.fixture(autouse=True)
def _quick(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_batch(project / "image_batches" / "G1", 10)
    monkeypatch.setenv("SCORING_CLIENT__RETRY_SECONDS", "0.01")


def events(project: Path) -> str:
    return (project / "logs" / "Events-log.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.pop(),
        lambda rows: rows.reverse(),
        lambda rows: rows[0].update(id=99),
        lambda rows: rows[0].update(label="hat"),
        lambda rows: rows[0].update(confidence=2),
        lambda rows: rows.append(rows[0]),
    ],
)
def test_an_answer_that_does_not_fit_is_never_written(
    project: Path, server_url: str, change: Callable[[list[dict[str, object]]], object]
) -> None:
    def spoil(path: str, content: bytes, _: int) -> Answer | None:
        return (200, predictions(content, change), {}) if is_predict(path) else None

    with answering(relay(server_url, spoil)) as url:
        assert request.main(["G1", "--server", url]) == ExitCode.FAILED
    assert not (project / "Results.csv").exists()
    with Ledger(load_settings().ledger_file, 5) as ledger:
        run = ledger.runs(1)[0]
        assert run
        assert run.state == "failed"
        assert ledger.run_summary(run.id).images == 0


def test_an_answer_that_breaks_off_is_asked_for_again(project: Path, server_url: str) -> None:
    def spoil(path: str, content: bytes, number: int) -> Answer | None:
        if is_predict(path) and number == 1:
            return 200, content[:50], {"Content-Length": str(len(content)), "Connection": "close"}
        return None

    with answering(relay(server_url, spoil)) as url:
        assert request.main(["G1", "--server", url]) == ExitCode.DONE
    assert events(project).count("retry") == 1


def test_503_heals_and_422_does_not(project: Path, server_url: str) -> None:
    def busy_once(path: str, _: bytes, number: int) -> Answer | None:
        return (503, b"{}", {"Retry-After": "0"}) if is_predict(path) and number < 3 else None

    def refuse(path: str, _: bytes, number: int) -> Answer | None:
        error = b'{"error": {"code": "invalid_pixels", "message": "no"}}'
        return (422, error, {}) if is_predict(path) else None

    with answering(relay(server_url, busy_once)) as url:
        assert request.main(["G1", "--server", url]) == ExitCode.DONE
    with answering(relay(server_url, refuse)) as url:
        assert request.main(["G1", "--server", url]) == ExitCode.FAILED
    assert events(project).count("retry") == 2


def test_413_halves_the_chunk_until_it_fits(project: Path, server_url: str) -> None:
    sizes: list[int] = []

    def answer(method: str, path: str, body: bytes) -> Answer:
        if is_predict(path):
            rows = orjson.loads(body)["dataframe_b64"]["shape"][0]
            sizes.append(rows)
            if rows > 3:
                return 413, b"{}", {}
        response = requests.request(method, server_url + path, data=body or None, timeout=DEADLINE)
        return response.status_code, response.content, {}

    with answering(answer) as url:
        assert request.main(["G1", "--server", url]) == ExitCode.DONE
    assert sizes == [10, 5, 2, 3, 5, 2, 3]
    lines = (project / "Results.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 11


def test_a_model_that_changes_between_two_chunks_is_noticed(
    project: Path, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_CLIENT__CHUNK_ROWS", "4")
    # One after the other, so that the second answer is the second chunk's.
    monkeypatch.setenv("SCORING_CLIENT__CHUNKS_IN_FLIGHT", "1")

    def spoil(path: str, content: bytes, number: int) -> Answer | None:
        if is_predict(path) and number == 2:
            document = orjson.loads(content)
            return 200, orjson.dumps({**document, "model_version": "0" * 64}), {}
        return None

    with answering(relay(server_url, spoil)) as url:
        assert request.main(["G1", "--server", url]) == ExitCode.FAILED
    rows = (project / "Results.csv").read_text(encoding="utf-8-sig").splitlines()[1:]
    assert len(rows) == 10
    assert sum("not scored yet" in row for row in rows) == 6
