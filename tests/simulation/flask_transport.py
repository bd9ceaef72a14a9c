"""The transport seam: requests on one side, the Flask application on the other, no socket."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from werkzeug.test import Client

from scoring.protocol.identity import CHALLENGE_HEADER, PROOF_HEADER, SessionSecret


@dataclass(frozen=True)
class Reply:
    """An answer on its way: faults may replace it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class FlaskTransport(BaseAdapter):
    """Hands prepared requests to ``answer`` and makes its replies look like the network's."""

    def __init__(self, answer: Callable[[requests.PreparedRequest, float], Reply]) -> None:
        super().__init__()
        self._answer = answer

    def send(
        self, request: requests.PreparedRequest, *_: Any, timeout: Any = None, **__: Any
    ) -> requests.Response:
        reply = self._answer(request, timeout[1])
        response = requests.Response()
        response.status_code = reply.status
        response.headers.update(reply.headers)
        response.request = request
        response.url = request.url or ""
        response.raw = HTTPResponse(
            io.BytesIO(reply.body), headers=dict(reply.headers), preload_content=False
        )
        return response

    def close(self) -> None:
        pass


def session_over(transport: FlaskTransport) -> requests.Session:
    """Return a session whose every request goes through ``transport``."""
    session = requests.Session()
    session.mount("http://", transport)
    return session


def ask(client: Client, request: requests.PreparedRequest) -> Reply:
    """Let the application answer a prepared request."""
    url = urlsplit(request.url or "")
    headers = {str(name): str(value) for name, value in request.headers.items()}
    body = request.body or b""
    response = client.open(
        url.path,
        base_url=f"http://{url.netloc}",
        method=request.method or "GET",
        data=body,
        headers=headers,
    )
    try:
        return Reply(response.status_code, dict(response.headers), response.get_data())
    finally:
        response.close()


def prove(reply: Reply, request: requests.PreparedRequest, secret: SessionSecret | None) -> Reply:
    """Return a reply as the session's server sends it; one by hand has nothing to prove."""
    if secret is None:
        return reply
    challenge = str(request.headers[CHALLENGE_HEADER])
    proof = {PROOF_HEADER: secret.prove(challenge, reply.status, reply.body)}
    return Reply(reply.status, {**reply.headers, **proof}, reply.body)
