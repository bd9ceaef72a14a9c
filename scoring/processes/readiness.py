"""Is a server there, is it ready, and is it the one that was started?

With the standard library's client: it is polled while the server starts, on a path where the
0.15 s that ``import requests`` takes would be most of the wait, and no proxy from the environment
has a say between two processes of one machine. It is loaded with the first question: the server
that is asked starts meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from scoring.protocol.errors import StrangerOnPort
from scoring.protocol.identity import CHALLENGE_HEADER, PROOF_HEADER, SessionSecret
from scoring.protocol.metadata import READY_PATH, ServedModel, decode_readiness

if TYPE_CHECKING:
    from http.client import HTTPConnection

# A readiness answer is some hundred bytes; a stranger may send for ever.
MAX_BODY_BYTES = 65_536


class Peer(Struct, frozen=True):
    """What answers on an address.

    Attributes:
        ready: it takes work.
        models: what it serves.
        pid: its process, None if it does not say.
        foreign: it is no server of this software, or not the one of the session that asks.
        redirect: status and Location of an answer that sends elsewhere; it is foreign, too.
    """

    ready: bool
    models: tuple[ServedModel, ...] = ()
    pid: int | None = None
    foreign: bool = False
    redirect: tuple[int, str] | None = None


FOREIGN = Peer(ready=False, foreign=True)


def read_readiness(
    url: str, timeout_seconds: float = 2.0, secret: SessionSecret | None = None
) -> Peer | None:
    """Ask a server whether it is ready; None where nobody answers in time.

    With the session's ``secret`` whoever cannot prove that he knows it is foreign.
    """
    from http.client import HTTPConnection, HTTPException, HTTPSConnection

    from scoring.processes.whole_answer import WholeAnswer

    parts = urlsplit(url)
    make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = make(parts.hostname or "", parts.port, timeout=timeout_seconds)
    connection.response_class = WholeAnswer
    try:
        return _ask(connection, parts.path.rstrip("/"), secret)
    except OSError:  # refused, unreachable, timed out, hung up
        return None
    except (HTTPException, ValueError, StrangerOnPort):
        return FOREIGN
    finally:
        connection.close()


def _ask(connection: HTTPConnection, base: str, secret: SessionSecret | None) -> Peer:
    """Return what the peer says; raises StrangerOnPort for one that is not ours."""
    signed = secret.sign("GET", READY_PATH) if secret else {}
    connection.request("GET", base + READY_PATH, headers=signed)
    answer = connection.getresponse()
    body, proof = answer.read(MAX_BODY_BYTES), answer.getheader(PROOF_HEADER, "")
    if secret and not secret.has_proved(signed[CHALLENGE_HEADER], answer.status, body, proof):
        raise StrangerOnPort("what answers does not know this session's secret")
    location = answer.getheader("Location", "")
    if location and 300 <= answer.status < 400:
        return Peer(ready=False, foreign=True, redirect=(answer.status, location))
    readiness = decode_readiness(body)
    return Peer(readiness.ready and answer.status == 200, readiness.models, readiness.pid)
