"""The client's way to the server: as requests has it, with three differences.

Every answer has an end, no connection carries anything of ours before whoever is at its other end
has introduced himself, and nothing but proxies and certificates is taken from the environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool

from scoring.processes.whole_answer import WholeAnswer
from scoring.protocol.loopback import is_loopback_url

# Name a file or folder of the certificates that are trusted; the first that is set counts.
BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

# Is called with each new connection and with what opens it, once; raises whatever speaks against
# using it.
Greet = Callable[[HTTPConnection, Callable[[], None]], None]


class WholeAnswerAdapter(HTTPAdapter):
    """Gives the whole answer, headers and body, the time that requests gives a single read."""

    def __init__(self, greet: Greet) -> None:
        self._connection_classes = _connection_classes(greet)
        super().__init__()

    def get_connection_with_tls_context(
        self, *arguments: Any, **options: Any
    ) -> HTTPConnectionPool:
        """Return the pool that requests chooses, with connections whose answers have an end."""
        pool = cast(
            HTTPConnectionPool, super().get_connection_with_tls_context(*arguments, **options)
        )
        pool.ConnectionCls = self._connection_classes.get(pool.ConnectionCls, pool.ConnectionCls)
        return pool


def _connection_classes(greet: Greet) -> dict[type, Any]:
    """Return what stands in for the HTTP library's own two classes."""

    class Connection(HTTPConnection):
        response_class = WholeAnswer

        def connect(self) -> None:
            # A proxy that passes requests on is at the other end itself.
            if self.proxy:
                super().connect()
            else:
                greet(self, super().connect)

    class SecureConnection(HTTPSConnection):
        response_class = WholeAnswer

        def connect(self) -> None:
            if self.proxy_is_forwarding:
                super().connect()
            else:
                greet(self, super().connect)

    return {HTTPConnection: Connection, HTTPSConnection: SecureConnection}


class StayingSession(requests.Session):
    """Looks at no address that a server redirects to: it may be none, and nobody goes there."""

    def resolve_redirects(self, *arguments: Any, **options: Any) -> Iterator[requests.Response]:
        """Go nowhere; the library looks for the next step also where it is to take none."""
        return iter(())


def new_session(greet: Greet) -> requests.Session:
    """Return a session that greets on each new connection, and gives an answer a read's time."""
    session = StayingSession()
    for scheme in ("http://", "https://"):
        session.mount(scheme, WholeAnswerAdapter(greet))
    return session


def take_from_environment(session: requests.Session, url: str) -> None:
    """Let the environment choose proxies and certificates, but no credentials (``~/.netrc``).

    Between two processes of this machine no proxy has a say.
    """
    session.trust_env = False
    bundles = [os.environ[name] for name in BUNDLE_VARIABLES if os.environ.get(name)]
    session.verify = bundles[0] if bundles else True
    if not is_loopback_url(url):
        session.proxies = get_environ_proxies(url)
