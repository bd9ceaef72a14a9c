"""waitress, with the limits, the JSON errors and the graceful stop it lacks."""

from __future__ import annotations

import select
import socket
import threading
import time
from http import HTTPStatus
from typing import Any, cast

import waitress
from flask import Flask
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer
from waitress.task import ErrorTask

from scoring.protocol.errors import ApiError, SettingsError, TooLarge
from scoring.protocol.identity import SessionSecret
from scoring.settings import ServerSettings
from server.access import is_signed, proof
from server.dialects import dialect_at
from server.drain import Drain
from server.error_handlers import HttpError, error_headers
from server.request_body import body_too_large

# The application refuses a body over the limit as JSON with the limit in it; waitress itself,
# before reading it, one that is far over. A body under the limit never touches a temporary file.
HARD_LIMIT_FACTOR = 2
IDLE_CONNECTION_SECONDS = 60
# A byte now and then keeps a connection from being idle; the largest request at 50 KB/s is whole
# by then.
REQUEST_SECONDS = 300
POLL_SECONDS = 0.01
# waitress counts its own sockets too, and must never come to its limit.
CONNECTIONS_SPARE = 16


class JsonErrorTask(ErrorTask):  # type: ignore[misc]  # waitress has no types
    """Answers a request that never reaches the application, in the caller's dialect."""

    def execute(self) -> None:
        """Write the refusal and close the connection."""
        error = self._error()
        # A request line that makes no sense has no path.
        reply = dialect_at(getattr(self.request, "path", "")).error(error)
        self.status = f"{error.status} {HTTPStatus(error.status).phrase}"
        self.close_on_finish = True
        self.content_length = len(reply.body)
        self.response_headers = [
            ("Content-Type", reply.content_type),
            ("Content-Length", str(len(reply.body))),
            ("Connection", "close"),
            *error_headers(error).items(),
            *self._proof(error.status, reply.body),
        ]
        self.write(reply.body)

    def _proof(self, status: int, body: bytes) -> list[tuple[str, str]]:
        """Show this session's client who it is that refuses."""
        secret, asked = self.channel.server.secret, self.request
        sent = {name.replace("_", "-").title(): value for name, value in asked.headers.items()}
        # A request line that makes no sense has neither method nor path.
        if is_signed(secret, getattr(asked, "command", ""), getattr(asked, "path", ""), sent):
            return [proof(secret, sent, status, body)]
        return []

    def _error(self) -> ApiError:
        error = self.request.error
        if error.code == TooLarge.status:
            hard_limit = self.channel.adj.max_request_body_size
            return body_too_large(hard_limit // HARD_LIMIT_FACTOR)
        return HttpError(error.code, f"{error.reason}: {error.body}")


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """One connection. A new one past the limit takes the place of the one idle for longest.

    waitress would take no more connections at all: whoever holds them open, sending a byte now
    and then, would keep everybody out. A request that does not come to its end is given up.
    """

    error_task_class = JsonErrorTask

    def __init__(self, server: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(server, *arguments, **options)
        self._begun: Any = None
        self._begun_at = 0.0
        channels = list(server.active_channels.values())
        if len(channels) > self.adj.connection_limit - CONNECTIONS_SPARE:
            others = [one for one in channels if one is not self and not one.requests]
            if others:
                # Whoever does not fetch an answer comes after those who have sent no request.
                min(others, key=lambda one: (_busy(one), one.creation_time)).handle_close()

    def readable(self) -> bool:
        """Asked before every wait for more, each second at least."""
        if self.request is not self._begun or self.requests:
            self._begun, self._begun_at = self.request, time.monotonic()
        elif self._begun is not None and time.monotonic() - self._begun_at > REQUEST_SECONDS:
            self.will_close = True
        return bool(super().readable())


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises SettingsError where the port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
        # On Windows two programs could otherwise listen on one port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"cannot listen on {host} port {port}: {error.strerror or error}; stop what uses it or"
            " choose another port (--port, server.port)"
        ) from error
    return listener


class HttpServer:
    """A waitress server on a thread of its own, which can be stopped without losing an answer."""

    def __init__(
        self,
        app: Flask,
        listener: socket.socket,
        settings: ServerSettings,
        drain: Drain,
        secret: SessionSecret | None = None,
    ) -> None:
        self._drain = drain
        self._server = cast(
            BaseWSGIServer,
            waitress.create_server(
                app,
                sockets=[listener],
                threads=settings.threads,
                ident=None,
                clear_untrusted_proxy_headers=True,
                max_request_body_size=settings.max_request_bytes * HARD_LIMIT_FACTOR,
                inbuf_overflow=settings.max_request_bytes,
                outbuf_overflow=settings.max_request_bytes,
                channel_timeout=IDLE_CONNECTION_SECONDS,
                connection_limit=settings.connections + CONNECTIONS_SPARE,
                # select() knows no file descriptor over 1023; Windows has nothing else.
                asyncore_use_poll=hasattr(select, "poll"),
            ),
        )
        self._server.channel_class = Channel
        # For the refusals that never reach the application.
        self._server.secret = secret
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on, also where 0 was asked for."""
        return int(self._server.effective_port)

    def start(self) -> None:
        """Begin to answer; returns at once."""
        self._thread.start()

    def is_alive(self) -> bool:
        """Tell whether its thread runs still."""
        return self._thread.is_alive()

    def stop(self, seconds: float) -> bool:
        """Refuse new work, finish what is in flight and send it, close; True if all was sent."""
        deadline = time.monotonic() + seconds
        self._drain.close()
        finished = self._drain.wait(seconds) and self._flushed(deadline)
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=0.1)
        self._server.close()
        return finished

    def _flushed(self, deadline: float) -> bool:
        """Wait until every answer has left: the application is done before its bytes are."""
        while time.monotonic() < deadline:
            if not any(_busy(channel) for channel in self._channels()):
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _channels(self) -> list[Any]:
        return list(self._server.active_channels.values())


def _busy(channel: Any) -> bool:
    return bool(channel.requests) or channel.total_outbufs_len > 0
