"""A server of this session, and the client that asks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from client.server_link import ServerLink
from scoring.protocol.identity import SessionSecret
from scoring.settings import Settings, load_settings
from tests.conftest import garment_pixels, running_server

SECRET = SessionSecret("of this session")
KEY = "the-key-of-the-shop"


@contextmanager
def client_of(
    url: str, secret: SessionSecret | None = None, api_key: str = ""
) -> Iterator[ServerLink]:
    client = ServerLink(url, connect_seconds=5, read_seconds=20, api_key=api_key, secret=secret)
    yield client
    client.close()


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    """Return the URL of this session's server, which others would need a key for."""
    with running_server(load_settings(server={"api_key": KEY}), SECRET) as url:
        yield url


def score(client: ServerLink, count: int = 5, seed: int = 0) -> list[str]:
    signature = client.signature()
    answer = client.predict(signature, range(count), garment_pixels(count, seed), "r/0/0")
    return [str(row.label) for row in answer.response.predictions]
