"""Where the server is: up already, or started for this run alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from scoring.processes.managed_server import ManagedServer
from scoring.protocol.bundle_names import find_bundle, with_models
from scoring.protocol.errors import UsageError
from scoring.protocol.identity import SessionSecret
from scoring.settings import Settings


@dataclass(frozen=True)
class ServerPlace:
    """A server's URL, and what it proves its answers with; None: nobody started it for us."""

    url: str
    secret: SessionSecret | None


def _serving(settings: Settings, models: Sequence[str]) -> Settings:
    """Return settings whose server has these models; of several, those that there are."""
    if "" in models:
        return with_models(settings, models)
    folders, unknown = [], []
    for name in models:
        try:
            folders.append(find_bundle(settings, name))
        except UsageError as error:
            unknown.append(error)
    if not folders:
        raise unknown[0]
    server = settings.server.model_copy(update={"models": tuple(folders)})
    return settings.model_copy(update={"server": server})


@contextmanager
def own_server(settings: Settings, models: Sequence[str]) -> Iterator[ServerPlace]:
    """Start a server with the models that are asked for, and stop it at the end.

    ``models`` are names; "" is the first of the settings, which are all served then. Raises
    NoServer where it does not come up, UsageError where no bundle has any of those names.
    """
    with ManagedServer(_serving(settings, models)) as server:
        server.start()
        server.wait_until_ready()
        yield ServerPlace(server.url, server.secret)
