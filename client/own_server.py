"""Where the server is: up already, or started for this run alone.

What starts one is loaded then: most runs find theirs up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct, field

from scoring.protocol.bundle_names import find_bundle, not_served, why_absent, with_models
from scoring.protocol.errors import NoServer, UsageError
from scoring.protocol.identity import SessionSecret
from scoring.settings import Settings

if TYPE_CHECKING:
    from scoring.processes.managed_server import ManagedServer


class ServerPlace(Struct, frozen=True):
    """A server's URL, and what it proves its answers with; None: nobody started it for us.

    Of several servers, which nobody started for us, the URLs have commas between.

    ``absent`` says of models why whoever started it could not give it those.
    """

    url: str
    secret: SessionSecret | None
    absent: Mapping[str, str] = field(default_factory=dict)


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
    server = settings.server.replaced(models=tuple(folders))
    return settings.replaced(server=server)


@contextmanager
def own_server(settings: Settings, models: Sequence[str]) -> Iterator[ServerPlace]:
    """Start a server with the models that are asked for, and stop it at the end.

    ``models`` are names; "" is the first of the settings, which are all served then. Where it does
    not come up with all of them, it goes without those of single batches that do not load, or
    without all. Raises NoServer where it does not come up, UsageError where no bundle has any of
    those names.
    """
    trouble, serving = "", _serving(settings, models)
    with ExitStack() as stack:
        try:
            server = stack.enter_context(_started(serving))
        except NoServer as error:
            if serving == settings:
                raise
            from scoring.processes.sound_models import sound_models

            sound = sound_models(settings, models)
            others = set(models) - set(not_served(settings, models))
            if not others and not sound:
                raise
            trouble, models = str(error), [name for name in models if name not in sound]
            without = with_models(settings, sound) if others else _serving(settings, sound)
            server = stack.enter_context(_started(without))
        yield ServerPlace(server.url, server.secret, why_absent(settings, models, trouble))


@contextmanager
def _started(settings: Settings) -> Iterator[ManagedServer]:
    from scoring.processes.managed_server import ManagedServer

    with ManagedServer(settings) as server:
        server.start()
        server.wait_until_ready()
        yield server
