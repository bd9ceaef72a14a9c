"""Rows 31 to 35: a server that lies, breaks off or is busy."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest
import requests

from client.retry_policy import RunWindow
from client.stop_signal import StopSignal
from scoring.protocol.errors import ExitCode
from tests.client.lying_server import Answer, answering, is_predict, predictions, relay
from tests.deadlines import DEADLINE
from tests.faults.desk import Project
from tests.faults.oracle import assert_truth, read_whole_results


def broken_off(content: bytes) -> Answer:
    """Return the beginning of an answer that announces all of it."""
    return 200, content[:70], {"Content-Length": str(len(content)), "Connection": "close"}


def test_row_31_the_response_is_truncated(faulty: Project, server_url: str) -> None:
    faulty.write("G1", 8)

    def once(path: str, content: bytes, number: int) -> Answer | None:
        return broken_off(content) if is_predict(path) and number == 1 else None

    def always(path: str, content: bytes, _: int) -> Answer | None:
        return broken_off(content) if is_predict(path) else None

    with answering(relay(server_url, once)) as url:
        assert faulty.score("G1", "--server", url) == ExitCode.DONE
    assert faulty.events().count(", retry, ") == 1
    assert_truth(faulty.settings)
    before = faulty.results.read_bytes()
    with answering(relay(server_url, always)) as url:
        assert faulty.score("G1", "--server", url) == ExitCode.FAILED
    assert faulty.events().count(", retry, ") == 3
    assert faulty.results.read_bytes() == before
    assert_truth(faulty.settings)


DEEP = b"[" * 1000 + b"]" * 1000

LIES: dict[str, Callable[[list[dict[str, object]]], object]] = {
    "one too few": lambda rows: rows.pop(),
    "one too many": lambda rows: rows.append(rows[0]),
    "wrong order": lambda rows: rows.reverse(),
    "a foreign id": lambda rows: rows[0].update(id=99),
    "an id twice": lambda rows: rows[1].update(id=rows[0]["id"]),
    "an id that is a string": lambda rows: rows[0].update(id="1"),
    "an id nested too deep to print": lambda rows: rows[0].update(id="DEEP"),
    "a label nobody knows": lambda rows: rows[0].update(label="Hat"),
    "no label": lambda rows: rows[0].pop("label"),
}


@pytest.mark.parametrize("lie", LIES)
def test_row_32_the_response_has_a_wrong_count_order_or_ids(
    faulty: Project, server_url: str, lie: str
) -> None:
    faulty.write("G1", 8)

    def spoil(path: str, content: bytes, _: int) -> Answer | None:
        if not is_predict(path):
            return None
        return 200, predictions(content, LIES[lie]).replace(b'"DEEP"', DEEP), {}

    with answering(relay(server_url, spoil)) as url:
        assert faulty.score("G1", "--server", url) == ExitCode.FAILED
    assert not faulty.results.exists()
    assert faulty.latest_run().state == "failed"
    assert_truth(faulty.settings)


SCORES = (b"NaN", b"Infinity", b"1e999", b"-0.1", b"1.1", b"null", b"true", b'"0.9"')


@pytest.mark.parametrize("score", SCORES)
def test_row_33_nan_or_infinity_in_scores(faulty: Project, server_url: str, score: bytes) -> None:
    faulty.write("G1", 4)

    def spoil(path: str, content: bytes, _: int) -> Answer | None:
        if not is_predict(path):
            return None
        marked = predictions(content, lambda rows: rows[2].update(confidence="HERE"))
        return 200, marked.replace(b'"HERE"', score), {}

    with answering(relay(server_url, spoil)) as url:
        assert faulty.score("G1", "--server", url) == ExitCode.FAILED
    assert not faulty.results.exists()
    assert_truth(faulty.settings)


def test_row_34_413_halves_the_chunk(faulty: Project, server_url: str) -> None:
    faulty.write("G1", 10)
    sizes: list[int] = []

    def answer(method: str, path: str, body: bytes) -> Answer:
        if is_predict(path):
            sizes.append(orjson.loads(body)["dataframe_b64"]["shape"][0])
            if sizes[-1] > 3:
                return 413, b"{}", {}
        response = requests.request(method, server_url + path, data=body or None, timeout=DEADLINE)
        return response.status_code, response.content, {}

    with answering(answer) as url:
        assert faulty.score("G1", "--server", url) == ExitCode.DONE
    assert sizes == [10, 5, 2, 3, 5, 2, 3]
    assert ", retry, " not in faulty.events()
    assert_truth(faulty.settings)


def test_row_35_503_with_a_retry_after_of_a_day(
    faulty: Project, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pauses are those the client would make; no test waits a day to see that it does not."""
    faulty.write("G1", 4)
    monkeypatch.setenv("SCORING_CLIENT__RETRY_SECONDS", "60")
    pauses: list[float] = []
    monkeypatch.setattr(StopSignal, "sleep", lambda self, seconds: pauses.append(seconds))
    monkeypatch.setattr(StopSignal, "window", RunWindow(25 * 60), raising=False)

    def spoil(path: str, _: bytes, number: int) -> Answer | None:
        busy = is_predict(path) and number < 3
        return (503, b"{}", {"Retry-After": "86400" if number == 1 else "90"}) if busy else None

    with answering(relay(server_url, spoil)) as url:
        assert faulty.score("G1", "--server", url) == ExitCode.DONE
    assert pauses == [60.0, 90.0]
    assert len(read_whole_results(faulty.results)) == 4
    assert_truth(faulty.settings)
