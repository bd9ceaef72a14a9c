"""The way to the server, with the tries that it takes until one answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import requests

from client.api import ScoringClient
from client.own_server import ServerPlace
from client.retry_policy import can_heal, failure, reason, retrying
from client.run_context import Interrupted
from client.stop_signal import StopSignal
from scoring.protocol.errors import HttpRefusal, NoServer
from scoring.protocol.frame_codec import Compression
from scoring.protocol.loopback import is_loopback_url
from scoring.protocol.signature import Signature
from scoring.records.events_log import EventsLog
from scoring.settings import Settings

HOW_TO_START = "start a server with 'python -m server', or add --start-server"


@contextmanager
def connected(
    settings: Settings,
    place: ServerPlace,
    stop: StopSignal,
    events: EventsLog,
    session: requests.Session | None = None,
) -> Iterator[tuple[ScoringClient, Signature]]:
    """Yield the way to a server that answered, and the signature of the model to score with.

    ``session`` is the way there, by default one over the network. Raises NoServer when no try
    helped, Interrupted when a stop came first.
    """
    client = settings.client
    # The key of this machine's own server goes to no other.
    api_key = client.api_key or (None if client.server else settings.server.api_key)
    api = ScoringClient(
        place.url,
        connect_seconds=client.connect_seconds,
        read_seconds=client.read_seconds,
        api_key=api_key.get_secret_value() if api_key else "",
        secret=place.secret,
        compression=_compression(settings, place.url),
        session=session,
    )
    with closing(api):
        yield api, _ask_for_the_model(settings, api, stop, events)


def _ask_for_the_model(
    settings: Settings, api: ScoringClient, stop: StopSignal, events: EventsLog
) -> Signature:
    """Return the model's signature; each failed try is an event that says what to do."""

    def tell(error: BaseException | None) -> None:
        events.warning(NoServer.code, f"{_no_server(api.url, error)}; trying again")

    policy = retrying(settings.client, stop.window, stop.sleep, lambda state: tell(failure(state)))
    try:
        for attempt in policy:
            with attempt:
                if stop.requested:
                    events.warning("stopped", "stopped before a server answered")
                    raise Interrupted("stopped before a server answered")
                signature = api.signature(settings.client.model)
    except Exception as error:
        if can_heal(error) or isinstance(error, HttpRefusal):
            raise NoServer(_no_server(api.url, error)) from error
        raise
    return signature


def _no_server(url: str, error: BaseException | None) -> str:
    text = f"no scoring server at {url} ({reason(error)})"
    return text if isinstance(error, HttpRefusal) else f"{text}; {HOW_TO_START}"


def _compression(settings: Settings, url: str) -> Compression:
    chosen = settings.client.compression
    if chosen == "auto":
        return None if is_loopback_url(url) else "zlib"
    return "zlib" if chosen == "zlib" else None
