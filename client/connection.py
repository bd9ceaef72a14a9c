"""The way to the server, with the tries that it takes until one answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import requests

from client.api import HOW_TO_START, ScoringClient, no_server
from client.own_server import ServerPlace
from client.run_models import RunModels, ask_for_models
from client.stop_signal import Interrupted, StopSignal
from client.tries import Tries
from scoring.protocol.errors import ModelNotServed, NoServer
from scoring.records.events_log import EventsLog
from scoring.settings import Settings

HERE_TOO = f"{HOW_TO_START}, or add --start-server"


@contextmanager
def connected(
    settings: Settings,
    place: ServerPlace,
    stop: StopSignal,
    events: EventsLog,
    session: requests.Session | None = None,
    models: Sequence[str] = ("",),
) -> Iterator[tuple[ScoringClient, RunModels]]:
    """Yield the way to a server that answered, and the models to score with.

    ``models`` are their names, "" the server's first; ``session`` is the way there, by default one
    over the network. Each try that failed is an event. Raises NoServer when no try helped,
    Interrupted when a stop came first.
    """

    def tell(error: BaseException) -> None:
        events.warning(NoServer.code, f"{_hint(no_server(client.url, error))}; trying again")

    with ScoringClient.from_settings(
        settings, url=place.url, secret=place.secret, session=session, hear=events.write
    ) as client:
        try:
            found = ask_for_models(client, models, Tries(settings.client, stop, tell), place.absent)
        except Interrupted:
            events.warning("stopped", "stopped before a server answered")
            raise
        except ModelNotServed:
            raise
        except NoServer as error:
            raise NoServer(_hint(str(error))) from error
        yield client, found


def _hint(text: str) -> str:
    """Say the other way to have a server, where a command line is at hand."""
    return text.replace(HOW_TO_START, HERE_TOO)
