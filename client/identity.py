"""Who asks, and who answers, as the client sees it: within a session, and by hand."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote, urljoin

from urllib3.connection import HTTPConnection
from urllib3.exceptions import ReadTimeoutError

from scoring.processes.readiness import MAX_BODY_BYTES, read_readiness
from scoring.processes.whole_answer import WholeAnswer
from scoring.protocol.errors import HttpRefusal, StrangerOnPort
from scoring.protocol.identity import CHALLENGE_HEADER, PROOF_HEADER, Headers, SessionSecret
from scoring.protocol.metadata import READY_PATH
from scoring.records.text import printable

# Of an address that a message quotes.
MOST_SHOWN = 300

# Opens the connection that it belongs to; raises what the HTTP library does.
Connect = Callable[[], None]


class Identity(Protocol):
    """What goes with each request, and what must be shown before anything is believed."""

    def greet(self, connection: HTTPConnection, connect: Connect) -> None:
        """Open a connection with ``connect``, and ask who is there; raises StrangerOnPort.

        A pool opens a connection anew without anybody's notice, and a stranger may have taken the
        port meanwhile: no pixels and no key go to him.
        """

    def sign(self, method: str, path: str, body: bytes) -> dict[str, str]:
        """Return the headers that say who asks; ``path`` is not quoted."""

    def check(self, signed: Mapping[str, str], status: int, headers: Headers, body: bytes) -> None:
        """Raise StrangerOnPort unless the answer to a request so signed is to be believed."""


class InSession:
    """Server and client were started together: both prove it, and no key ever travels."""

    def __init__(self, secret: SessionSecret, seconds: float) -> None:
        """Take the secret; a greeting must be answered in ``seconds``."""
        self._secret = secret
        self._seconds = seconds

    def greet(self, connection: HTTPConnection, connect: Connect) -> None:
        """Connect, and have the server prove the session's secret; raises StrangerOnPort."""
        connect()
        assert connection.sock, "it was just opened"
        waits = connection.sock.gettimeout()
        connection.sock.settimeout(self._seconds)
        try:
            self._ask_on(connection)
        except TimeoutError as error:
            raise _no_answer() from error
        except http.client.HTTPException as error:
            if isinstance(error, OSError):  # it hung up, as a server does that just ends
                raise
            raise StrangerOnPort("who answers there speaks no HTTP") from error
        connection.sock.settimeout(waits)

    def _ask_on(self, connection: HTTPConnection) -> None:
        """Have one request answered, and leave the connection ready for the next."""
        asking = http.client.HTTPConnection(connection.host, connection.port)
        asking.response_class = WholeAnswer
        asking.sock = connection.sock
        signed = self.sign("GET", READY_PATH, b"")
        asking.request("GET", READY_PATH, headers=signed)
        answer = asking.getresponse()
        self.check(signed, answer.status, answer.headers, answer.read(MAX_BODY_BYTES))
        if asking.sock is None:
            raise ConnectionResetError("the server closed the connection after its first answer")

    def sign(self, method: str, path: str, body: bytes) -> dict[str, str]:
        return self._secret.sign(method, path, body)

    def check(self, signed: Mapping[str, str], status: int, headers: Headers, body: bytes) -> None:
        proof = headers.get(PROOF_HEADER, "")
        if not self._secret.has_proved(signed[CHALLENGE_HEADER], status, body, proof):
            raise StrangerOnPort("who answers there is not the server of this session")


class ByHand:
    """Nobody has introduced the server: it is asked in public first, and only then with the key.

    That keeps the key from whatever else listens there, not from somebody who plays a scoring
    server on purpose: https does.
    """

    def __init__(self, url: str, api_key: str, connect_seconds: float, read_seconds: float) -> None:
        """Take the key, which goes to ``url`` only; a greeting is waited for as an answer is."""
        self._url = url
        self._key = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        # A certificate says who is there before any greeting does, and on ways (a proxy, a
        # certificate of one's own) that a greeting may not go: it is not waited for long there.
        self._is_secure = url.startswith("https:")
        self._seconds = connect_seconds if self._is_secure else read_seconds

    def greet(self, connection: HTTPConnection, connect: Connect) -> None:
        """Ask whether a scoring server answers, and connect; raises StrangerOnPort, HttpRefusal."""
        # On a connection of its own: whoever speaks HTTP/1.0 answers one request on each. And on
        # one before: a server with a single worker has no other for it while the second is open.
        asked = time.monotonic()
        peer = read_readiness(self._url, self._seconds)
        waited = time.monotonic() - asked
        if peer and peer.redirect:
            status, location = peer.redirect
            raise redirected(status, self._url, READY_PATH, location)
        if peer and peer.foreign:
            raise StrangerOnPort("who answers there is no scoring server")
        connect()
        if peer or self._is_secure:
            return
        if waited < self._seconds:
            raise ConnectionResetError("it hung up")
        raise _no_answer()

    def sign(self, method: str, path: str, body: bytes) -> dict[str, str]:
        return {} if path == READY_PATH else self._key

    def check(self, signed: Mapping[str, str], status: int, headers: Headers, body: bytes) -> None:
        pass


def redirected(status: int, url: str, path: str, location: str) -> HttpRefusal:
    """Return where a server sends us; nobody goes there, least of all with the key."""
    path = quote(path)
    try:
        location = urljoin(url + path, location)
    except ValueError:  # no URL at all: it is told as it stands
        pass
    target = location.partition("?")[0].removesuffix(path).rstrip("/")
    told = f"it redirects to {printable(target[:MOST_SHOWN])}; give that URL as the server's"
    return HttpRefusal(status, told, None)


def _no_answer() -> ReadTimeoutError:
    pool: Any = None  # it is wanted for no more than a text
    return ReadTimeoutError(pool, READY_PATH, "no answer in time")
