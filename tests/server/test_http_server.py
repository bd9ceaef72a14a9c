"""The listener's own: what outlives it does no harm."""

from __future__ import annotations

import os
import select
import sys

import pytest

from scoring.processes.listening import bind
from scoring.settings import Settings
from server.app import create_app
from server.drain import Drain
from server.http_server import SELECTED_MOST, HttpServer, affordable_connections
from tests.conftest import BUNDLE


@pytest.mark.skipif(sys.platform == "win32", reason="not run here: Windows wakes it by a socket")
def test_a_thread_that_ends_after_the_server_writes_to_nobodys_file() -> None:
    """A connection's number is that of the pipe, and its request would begin with an x."""
    settings, drain = Settings(project=BUNDLE.parent), Drain()
    app = create_app(settings, drain=drain, loopback=True)
    server = HttpServer(app, bind("127.0.0.1", 0, "server.port"), settings.server, drain)
    server.start()
    listener = server._server
    number = listener.trigger.trigger
    server.stop(5.0)
    reading, writing = os.pipe()
    if reading == number:
        reading = os.dup(reading)
    os.dup2(writing, number)
    try:
        listener.pull_trigger()
        assert not select.select([reading], [], [], 0)[0]
    finally:
        for end in {reading, writing, number}:
            os.close(end)


def test_where_nothing_but_select_is_there_it_is_not_asked_for_more_than_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On Windows the 513th socket would end the loop, and with it the server."""
    monkeypatch.delattr(select, "poll", raising=False)
    monkeypatch.setattr("server.http_server.open_files", lambda: sys.maxsize)
    assert affordable_connections(200, used=9) == 200
    assert 400 < affordable_connections(2_000, used=9) < SELECTED_MOST


def test_a_sandbox_that_does_not_tell_its_limits_is_served_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resource = pytest.importorskip("resource", reason="not run here: Windows has no such limit")

    def not_told(_: int) -> None:
        raise OSError

    monkeypatch.setattr(resource, "getrlimit", not_told)
    assert affordable_connections(200, used=9) == 200
