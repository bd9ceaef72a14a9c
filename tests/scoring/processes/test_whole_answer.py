from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import pytest

from scoring.processes.whole_answer import WholeAnswer
from scoring.settings import Settings
from tests.client.dripping_server import DRIPS, dripping_server
from tests.conftest import running_server


class Connection(HTTPConnection):
    response_class = WholeAnswer


def ask(connection: HTTPConnection) -> bytes:
    connection.request("GET", "/health/live")
    return connection.getresponse().read()


@pytest.fixture
def server(settings: Settings) -> Iterator[str]:
    with running_server(settings) as url:
        yield url.removeprefix("http://")


@pytest.mark.parametrize("what", DRIPS)
def test_an_answer_that_drips_is_no_answer(what: str) -> None:
    """Each byte comes long before the socket's own time-out."""
    with dripping_server(what) as url:
        with closing(Connection(url.removeprefix("http://"), timeout=0.5)) as connection:
            with pytest.raises(TimeoutError):
                ask(connection)


@pytest.mark.parametrize("seconds", [60.0, None])
def test_each_request_on_a_connection_has_the_whole_time(
    server: str, seconds: float | None
) -> None:
    with closing(Connection(server, timeout=seconds)) as connection:
        for _ in range(2):
            assert ask(connection)
            assert isinstance(connection.sock, socket.socket)
            assert connection.sock.gettimeout() == seconds
