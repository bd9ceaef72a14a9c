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
from server.http_server import HttpServer
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
