"""Where the server is: up already, or started for this run alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scoring.processes.managed_server import ManagedServer
from scoring.protocol.bundle_names import find_bundle
from scoring.protocol.identity import SessionSecret
from scoring.settings import Settings


@dataclass(frozen=True)
class ServerPlace:
    """A server's URL, and what it proves its answers with; None: nobody started it for us."""

    url: str
    secret: SessionSecret | None


@contextmanager
def own_server(settings: Settings) -> Iterator[ServerPlace]:
    """Start a server with the model that is asked for, and stop it at the end.

    Raises NoServer where it does not come up, UsageError where no bundle has that model's name.
    """
    wanted = settings.client.model
    models = ["--model", str(find_bundle(settings, wanted))] if wanted else []
    with ManagedServer(settings) as server:
        server.start(models)
        server.wait_until_ready()
        yield ServerPlace(server.url, server.secret)
