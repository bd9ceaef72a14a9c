"""Stop taking work, finish what is in flight, then end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from scoring.protocol.errors import Unavailable


class Drain:
    """Counts the requests in flight and refuses new ones once closed."""

    def __init__(self) -> None:
        self._idle = threading.Condition()
        self._in_flight = 0
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the server takes no more work."""
        return self._closed

    @property
    def in_flight(self) -> int:
        """How many requests are being worked on."""
        return self._in_flight

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count one request; raises Unavailable (503) once the server is stopping."""
        with self._idle:
            if self._closed:
                raise Unavailable("the server is stopping", code="stopping")
            self._in_flight += 1
        try:
            yield
        finally:
            with self._idle:
                self._in_flight -= 1
                self._idle.notify_all()

    def close(self) -> None:
        """Refuse new requests from now on."""
        with self._idle:
            self._closed = True

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is in flight; return whether that was so in time."""
        with self._idle:
            return self._idle.wait_for(lambda: self._in_flight == 0, timeout=seconds)
