from __future__ import annotations

import socket
import threading

import pytest
import requests

from client.retry_policy import RunWindow, reason, retrying
from scoring.protocol.errors import BrokenAnswer, HttpRefusal
from scoring.protocol.prediction import BadResponse
from scoring.settings import ClientSettings
from tests.deadlines import DEADLINE


class Attempts:
    """Counts tries and pauses; time passes only by sleeping."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.tries = 0
        self.pauses: list[float] = []
        self.told = 0

    def run(self, tries: int = 3, window: RunWindow | None = None) -> None:
        settings = ClientSettings(tries=tries, retry_seconds=60.0)
        policy = retrying(settings, window or RunWindow(), self.pauses.append, self.tell)
        for attempt in policy:
            with attempt:
                self.tries += 1
                if self.errors:
                    raise self.errors.pop(0)

    def tell(self, _: object) -> None:
        self.told += 1


GONE = requests.exceptions.ConnectionError("refused")


def test_what_can_heal_is_tried_three_times_one_minute_apart() -> None:
    attempts = Attempts(GONE, requests.exceptions.ReadTimeout())
    attempts.run()
    assert (attempts.tries, attempts.pauses, attempts.told) == (3, [60.0, 60.0], 2)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"", "it hung up before it had answered"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "its answer broke off"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf",
            "its answer broke off",
        ),
    ],
)
def test_a_connection_that_breaks_off_is_told_as_that(answer: bytes, told: str) -> None:
    """Of these, one was nobody who listens, and one the name of a class."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            with listening.accept()[0] as connection:
                connection.recv(65_536)
                connection.sendall(answer)

        threading.Thread(target=hang_up).start()
        with pytest.raises(requests.RequestException) as error:
            requests.get(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=DEADLINE)
    assert reason(error.value) == told


@pytest.mark.parametrize(
    "error",
    [
        GONE,
        requests.exceptions.ReadTimeout(),
        requests.exceptions.ChunkedEncodingError(),
        BrokenAnswer("short"),
        *(HttpRefusal(status, "", None) for status in (429, 502, 503, 504)),
    ],
)
def test_after_the_last_try_the_error_comes_out_as_it_was(error: Exception) -> None:
    attempts = Attempts(error, error, error)
    with pytest.raises(type(error)):
        attempts.run()
    assert attempts.tries == 3


@pytest.mark.parametrize(
    "error",
    [*(HttpRefusal(status, "", None) for status in (400, 413, 415, 422, 500)), BadResponse("no")],
)
def test_what_cannot_heal_is_tried_once(error: Exception) -> None:
    attempts = Attempts(error)
    with pytest.raises(type(error)):
        attempts.run()
    assert (attempts.tries, attempts.pauses) == (1, [])


def test_retry_after_lengthens_the_pause() -> None:
    attempts = Attempts(HttpRefusal(503, "", 90.0))
    attempts.run()
    assert attempts.pauses == [90.0]


@pytest.mark.parametrize("seconds", [None, 1500.0])
def test_a_retry_after_of_a_day_is_not_waited_for(seconds: float | None) -> None:
    attempts = Attempts(HttpRefusal(503, "", 86_400.0))
    attempts.run(window=RunWindow(seconds))
    assert attempts.pauses == [60.0]


# The window begins when it is made: here, not when the tests are collected, half an hour before.
@pytest.mark.parametrize(("seconds", "pause"), [(None, 60.0), (1500.0, 900.0)])
def test_a_retry_after_that_fits_the_window_is_waited_for(
    seconds: float | None, pause: float
) -> None:
    attempts = Attempts(HttpRefusal(503, "", 900.0))
    attempts.run(window=RunWindow(seconds))
    assert attempts.pauses == [pause]


def test_no_try_begins_past_the_window() -> None:
    attempts = Attempts(GONE)
    with pytest.raises(requests.exceptions.ConnectionError):
        attempts.run(window=RunWindow(seconds=30))
    assert (attempts.tries, attempts.pauses) == (1, [])
