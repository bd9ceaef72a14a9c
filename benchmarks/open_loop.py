"""Callers that keep to a timetable, on one thread, with as little of the processor as can be.

A request is due at a fixed time, whether or not the one before it has been answered, and its
latency counts from then: a server that is slow does not thereby get less to do, and who waits for
his connection waits for the server.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, repeat

READ_BYTES = 1_048_576
LONGEST_WAIT_SECONDS = 0.05
END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True)
class Answered:
    """One request: when it was due, when its whole answer was there, and with which status."""

    due: float
    done: float
    status: int

    @property
    def seconds(self) -> float:
        return self.done - self.due


def post(path: str, body: bytes) -> bytes:
    """Return a whole request with JSON."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(path: str) -> bytes:
    """Return a whole request without a body."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def timetable(rate: float, offset: float = 0.0) -> Iterator[float]:
    """Return seconds from the start at which a connection's requests are due, ``rate`` a second."""
    return (offset + number / rate for number in count())


def at_once() -> Iterator[float]:
    """A closed loop: the next request is due when the one before it is answered."""
    return repeat(0.0)


class Caller:
    """One connection that sends the same request by its timetable."""

    def __init__(self, address: tuple[str, int], request: bytes, due: Iterable[float]) -> None:
        self.answers: list[Answered] = []
        self._address = address
        self._request = request
        self._dues = iter(due)
        self._due = next(self._dues)
        self._unsent = memoryview(b"")
        self._received = bytearray()
        self._awaits = False
        self._connect()

    def start(self, now: float, clock_start: float, watch: selectors.BaseSelector) -> float:
        """Send what is due; return how many seconds from now the next one is."""
        if self._awaits:
            return LONGEST_WAIT_SECONDS
        ahead = clock_start + self._due - now
        if ahead > 0:
            return ahead
        # A closed loop is never late.
        self._sent_due = clock_start + self._due if self._due else now
        self._due = next(self._dues)
        self._awaits = True
        self._unsent = memoryview(self._request)
        self._send(watch)
        return LONGEST_WAIT_SECONDS

    def go_on(self, events: int, watch: selectors.BaseSelector) -> None:
        """Send or read what the connection allows."""
        if events & selectors.EVENT_WRITE:
            self._send(watch)
        if events & selectors.EVENT_READ:
            self._read(watch)

    def watch(self, watch: selectors.BaseSelector) -> None:
        """Begin to be told of what the connection allows."""
        watch.register(self._socket, selectors.EVENT_READ, self)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _connect(self) -> None:
        self._socket = socket.create_connection(self._address, timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)

    def _send(self, watch: selectors.BaseSelector) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent = memoryview(b"")
        wanted = selectors.EVENT_WRITE if self._unsent else 0
        if watch.get_key(self._socket).events != selectors.EVENT_READ | wanted:
            watch.modify(self._socket, selectors.EVENT_READ | wanted, self)

    def _read(self, watch: selectors.BaseSelector) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hung_up(watch)
            return
        self._received += data
        if (status := _whole_answer(self._received)) and self._awaits:
            ends = b"\r\nConnection: close\r\n" in self._received
            self._note(status)
            if ends:
                self._hung_up(watch)

    def _hung_up(self, watch: selectors.BaseSelector) -> None:
        """A connection that ends without an answer is told as status 0."""
        watch.unregister(self._socket)
        self._socket.close()
        if self._awaits:
            self._note(0)
        self._connect()
        self.watch(watch)

    def _note(self, status: int) -> None:
        self.answers.append(Answered(self._sent_due, time.perf_counter(), status))
        self._received.clear()
        self._unsent = memoryview(b"")
        self._awaits = False


def _whole_answer(received: bytearray) -> int:
    """Return the status of an answer that is all there, else 0."""
    head = received.find(END_OF_HEAD)
    if head < 0:
        return 0
    lines = received[:head].lower()
    _, _, length_on = lines.partition(b"content-length:")
    length = int(length_on.partition(b"\r")[0] or 0)
    return int(received[9:12]) if len(received) >= head + len(END_OF_HEAD) + length else 0


def run(callers: list[Caller], seconds: float) -> None:
    """Let all callers go by their timetables for so long; what is unanswered then is not noted."""
    with selectors.DefaultSelector() as watch:
        for caller in callers:
            caller.watch(watch)
        start = now = time.perf_counter()
        while now < start + seconds:
            ahead = min(caller.start(now, start, watch) for caller in callers)
            for key, events in watch.select(max(0.0, ahead)):
                key.data.go_on(events, watch)
            now = time.perf_counter()
    for caller in callers:
        caller.close()
