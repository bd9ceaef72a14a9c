from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from client import request
from client.api import HOW_TO_START, ScoringClient
from client.connection import connected
from client.own_server import ServerPlace
from client.retry_policy import RunWindow
from client.run_models import RunModels
from client.stop_signal import Interrupted, StopSignal
from scoring.protocol.errors import ExitCode, NoServer
from scoring.records.events_log import EventsLog
from scoring.settings import load_settings
from tests.client.conftest import KEY
from tests.client.lying_server import Answer, answering, relay
from tests.client.stranger import stranger_at
from tests.conftest import garment_pixels, write_batch

NOWHERE = "http://127.0.0.1:1"
FAR = "http://scores.example:5000"

pytestmark = pytest.mark.usefixtures("project")


@contextmanager
def way(
    url: str, stop: StopSignal | None = None, **sections: dict[str, Any]
) -> Iterator[tuple[ScoringClient, RunModels]]:
    """Connect to a server that is up already, with little patience."""
    client = {"retry_seconds": 0.01, **sections.pop("client", {})}
    settings = load_settings(client=client, **sections)
    events = EventsLog.from_settings(settings)
    with connected(settings, ServerPlace(url, None), stop or StopSignal(), events) as both:
        yield both


def events(project: Path) -> list[str]:
    return (project / "logs" / "Events-log.txt").read_text(encoding="utf-8").splitlines()


def test_no_server_is_three_tries_each_an_event_then_exit_5(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_batch(project / "image_batches" / "G1", 1)
    monkeypatch.setenv("SCORING_CLIENT__RETRY_SECONDS", "0.01")
    assert request.main(["G1", "--server", NOWHERE]) == ExitCode.NO_SERVER
    lines = [line for line in events(project) if "no-server" in line]
    assert len(lines) == 3
    assert all("python -m server" in line for line in lines)
    assert capsys.readouterr().err.count("python -m server") == 3
    assert not (project / "Results.csv").exists()


@pytest.mark.parametrize("content", [b"<html>hello</html>", b'{"hello": 1}', b"[]"])
def test_something_else_that_answers_200_is_not_scored_through(content: bytes) -> None:
    with answering(lambda *_: (200, content, {})) as url:
        told = f"no scoring server at {url} .*; {HOW_TO_START}, or add --start-server"
        with pytest.raises(NoServer, match=told), way(url):
            pytest.fail("it was taken for one")


def test_a_refusal_is_told_as_it_is_and_asks_for_no_other_server(
    server_url: str, project: Path
) -> None:
    """The server is there: to start one more would help nobody."""
    with way(server_url) as (_, models):
        assert models.main.name == "fashion"

    def refuse(path: str, _: bytes, __: int) -> Answer | None:
        told = b'{"error": {"code": "unauthorized", "message": "send the key"}}'
        return (401, told, {}) if "models" in path else None

    with answering(relay(server_url, refuse)) as url:
        with pytest.raises(NoServer, match="401: send the key") as caught, way(url):
            pytest.fail("it was let in")
    assert HOW_TO_START not in str(caught.value)
    assert not (project / "logs").exists(), "what cannot heal is not tried again"


def test_a_server_that_comes_up_meanwhile_is_used(server_url: str, project: Path) -> None:
    def starting(path: str, _: bytes, number: int) -> Answer | None:
        return (503, b"{}", {}) if path.startswith("/v2/models") and number < 3 else None

    with answering(relay(server_url, starting)) as url, way(url) as (api, models):
        answer = api.score_rows(models.main, range(2), garment_pixels(2), "r/0/0")
    assert len(answer.predictions) == 2
    assert [line.count("trying again") for line in events(project)] == [1, 1]


@pytest.mark.parametrize(("window", "asked"), [(None, True), (0.0, False)])
def test_a_stop_before_anybody_answered_is_no_servers_fault(
    window: float | None, asked: bool, project: Path
) -> None:
    stop = StopSignal(RunWindow(window))
    if asked:
        stop.request()
    with pytest.raises(Interrupted), way(NOWHERE, stop):
        pytest.fail("it went on")
    (line,) = events(project)
    assert line.endswith("stopped before a server answered")


def test_a_stop_ends_the_wait_for_the_next_try(project: Path) -> None:
    stop = StopSignal()

    def stop_now(*_: object) -> Answer:
        stop.request()
        return 503, b"{}", {}

    with answering(stop_now) as url:
        with pytest.raises(Interrupted), way(url, stop, client={"retry_seconds": 3_000}):
            pytest.fail("it went on")
    assert [line.split(", ")[2] for line in events(project)] == ["no-server", "stopped"]


@pytest.mark.parametrize(
    ("client", "sent"),
    [
        ({}, f"Bearer {KEY}"),
        ({"api_key": "mine"}, "Bearer mine"),
        ({"server": FAR}, None),
        ({"server": FAR, "api_key": "mine"}, "Bearer mine"),
    ],
)
def test_the_key_of_this_machines_server_goes_to_no_other(
    client: dict[str, Any], sent: str | None
) -> None:
    with stranger_at() as other, way(other.url, client=client, server={"api_key": KEY}):
        pass
    told = [heard.headers.get("authorization") for heard in other.heard if "models" in heard.path]
    assert told == [sent]


@pytest.mark.parametrize(
    ("chosen", "near", "far"),
    [("auto", None, "zlib"), ("none", None, None), ("zlib", "zlib", "zlib")],
)
def test_pixels_are_packed_for_a_way_through_a_network(
    chosen: str, near: str | None, far: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stranger_at() as server:
        for is_near in (True, False):
            monkeypatch.setattr("client.api.is_loopback_url", lambda _, near=is_near: near)
            with way(server.url, client={"compression": chosen}) as (api, models):
                api.score_rows(models.main, range(1), garment_pixels(1), "r")
    frames = [orjson.loads(heard.body)["dataframe_b64"] for heard in server.heard if heard.body]
    assert [frame.get("compression") for frame in frames] == [near, far]
