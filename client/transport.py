"""The client's way to the server: as requests has it, with an end to every answer."""

from __future__ import annotations

from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool

from scoring.processes.whole_answer import WholeAnswer


class _Connection(HTTPConnection):
    response_class = WholeAnswer


class _SecureConnection(HTTPSConnection):
    response_class = WholeAnswer


WITH_AN_END: dict[type, Any] = {HTTPConnection: _Connection, HTTPSConnection: _SecureConnection}


class WholeAnswerAdapter(HTTPAdapter):
    """Gives the whole answer, headers and body, the time that requests gives a single read."""

    def get_connection_with_tls_context(
        self, *arguments: Any, **options: Any
    ) -> HTTPConnectionPool:
        """Return the pool that requests chooses, with connections whose answers have an end."""
        pool = cast(
            HTTPConnectionPool, super().get_connection_with_tls_context(*arguments, **options)
        )
        pool.ConnectionCls = WITH_AN_END.get(pool.ConnectionCls, pool.ConnectionCls)
        return pool


def new_session() -> requests.Session:
    """Return a session whose read time-out is that of the whole answer."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, WholeAnswerAdapter())
    return session
