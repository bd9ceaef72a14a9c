"""Is a server there, is it ready, and is it the one that was started?

With the standard library's client: it is polled while the server starts, on a path where the
0.15 s that ``import requests`` takes would be most of the wait, and no proxy from the environment
has a say between two processes of one machine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from scoring.processes.whole_answer import WholeAnswer

READY_PATH = "/health/ready"
# A readiness answer is some hundred bytes; a stranger may send for ever.
MAX_BODY_BYTES = 65_536


@dataclass(frozen=True)
class ServedModel:
    """A model by its name and version (SHA-256 of its signature)."""

    name: str
    version: str


@dataclass(frozen=True)
class Readiness:
    """What answered on an address.

    Attributes:
        ready: the server takes work.
        nonce: of the session that started it; None for a server started by hand.
        models: what it serves.
        pid: its process, None if it does not say.
        foreign: something answers that is no server of this software.
    """

    ready: bool
    nonce: str | None = None
    models: tuple[ServedModel, ...] = ()
    pid: int | None = None
    foreign: bool = False

    def belongs_to(self, nonce: str | None) -> bool:
        """Tell whether it is the server of that session; no nonce: any of this software."""
        return not self.foreign and (nonce is None or self.nonce == nonce)


FOREIGN = Readiness(ready=False, foreign=True)


def read_readiness(url: str, timeout_seconds: float = 2.0) -> Readiness | None:
    """Ask a server whether it is ready; None where nobody answers in time."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    make = HTTPSConnection if secure else HTTPConnection
    connection = make(parts.hostname or "", parts.port, timeout=timeout_seconds)
    connection.response_class = WholeAnswer
    try:
        connection.request("GET", parts.path.rstrip("/") + READY_PATH)
        answer = connection.getresponse()
        return _from_json(json.loads(answer.read(MAX_BODY_BYTES)), answer.status)
    except OSError:  # refused, unreachable, timed out, hung up
        return None
    except (HTTPException, ValueError, KeyError, TypeError, RecursionError):
        return FOREIGN
    finally:
        connection.close()


def _from_json(body: Any, status: int) -> Readiness:
    """Read the answer's body; raises KeyError or TypeError when it is not of our form."""
    if body["live"] is not True or type(body["ready"]) is not bool:
        return FOREIGN
    nonce, pid = body["nonce"], body["pid"]
    return Readiness(
        ready=body["ready"] and status == 200,
        nonce=nonce if isinstance(nonce, str) else None,
        models=tuple(ServedModel(str(one["name"]), str(one["version"])) for one in body["models"]),
        pid=pid if isinstance(pid, int) else None,
    )
