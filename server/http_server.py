"""waitress, with the limits, the JSON errors and the graceful stop it lacks."""

from __future__ import annotations

import errno
import logging
import select
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from flask import Flask
from waitress.server import TcpWSGIServer

from scoring.processes.listening import ServerThread
from scoring.settings import ServerSettings
from server.app import door_of
from server.channel import Channel, is_busy, make_room
from server.drain import Drain
from server.lanes import Lanes

IDLE_CONNECTION_SECONDS = 60
POLL_SECONDS = 0.01
# No request's headers are longer than a few kilobytes.
HEADER_BYTES = 65_536
# A chunked body has the length of each chunk in it, too; the application looks at what is left.
CHUNKED_FACTOR = 2
# Each turn of the loop looks at every connection; 8,192 bytes a turn, as by default, are 1,300
# turns for 10,000 images. From 128 KB on the C library fetches each piece from the system anew.
RECEIVE_BYTES = 65_536
# waitress counts its own sockets too, and must never come to its limit.
CONNECTIONS_SPARE = 16
# Files that a server opens besides its connections: logs, a bundle that is read again.
FILES_SPARE = 16
FEWEST_CONNECTIONS = 2
# More sockets Python's select() does not wait for on Windows, where there is no poll().
SELECTED_MOST = 512
# What accept() says where a process, or the machine, has no more room for a connection.
NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
PAUSE_SECONDS = 0.5
WARN_AGAIN_SECONDS = 60.0

logger = logging.getLogger("scoring.server")


class Listener(TcpWSGIServer):  # type: ignore[misc]  # waitress has no types
    """Accepts connections, also where there is no file handle left for one."""

    channel_class = Channel

    def __init__(self, app: Flask, listener: socket.socket, settings: ServerSettings) -> None:
        self.door = door_of(app)
        self.max_connections = affordable_connections(settings.connections, listener.fileno())
        lanes = Lanes(settings, self.door.quick_paths)
        self.door.check_place = lanes.check_place
        self._closing, self._is_closed = threading.Lock(), False
        self._accepts_again = 0.0
        self._warns_again = 0.0
        super().__init__(
            app,
            _sock=listener,
            bind_socket=False,
            sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
            sockets=[listener],
            dispatcher=lanes,
            recv_bytes=RECEIVE_BYTES,
            ident=None,
            clear_untrusted_proxy_headers=not settings.has_proxy,
            max_request_header_size=HEADER_BYTES,
            max_request_body_size=settings.max_request_bytes * CHUNKED_FACTOR,
            # No request and no answer becomes a temporary file: there may be no handle for it.
            inbuf_overflow=sys.maxsize,
            outbuf_overflow=sys.maxsize,
            # No thread waits for a caller to fetch an answer: a few who do not would stop them all.
            outbuf_high_watermark=sys.maxsize,
            channel_timeout=IDLE_CONNECTION_SECONDS,
            connection_limit=self.max_connections + CONNECTIONS_SPARE,
            # select() knows no file descriptor over 1023; Windows has nothing else.
            asyncore_use_poll=hasattr(select, "poll"),
        )

    def readable(self) -> bool:
        """Asked before every wait: a listener without room must not wake it again and again."""
        return bool(super().readable()) and time.monotonic() >= self._accepts_again

    def accept(self) -> tuple[socket.socket, Any] | None:
        """Return a new connection, or None where there is none or no room for it."""
        try:
            accepted: tuple[socket.socket, Any] | None = super().accept()
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            self._want_room(error)
            return None
        return accepted

    def pull_trigger(self) -> None:
        """Wake the loop from a thread; where that fails, it looks again within a second anyway.

        Once it is closed there is nothing to wake: the number of its pipe may be that of another
        file by then, which a thread that ends late would write to.
        """
        with self._closing, suppress(OSError):
            if not self._is_closed:
                super().pull_trigger()

    def close(self) -> None:
        """Close the listener and what wakes the loop."""
        with self._closing:
            self._is_closed = True
            super().close()

    def _want_room(self, error: OSError) -> None:
        """Close a connection that does nothing; where all are at work, wait for one to end."""
        now = time.monotonic()
        if not make_room(self.active_channels.values()):
            self._accepts_again = now + PAUSE_SECONDS
        if now >= self._warns_again:
            self._warns_again = now + WARN_AGAIN_SECONDS
            logger.warning(
                "no room for another connection: %s; idle ones are closed (server.connections is"
                " more than this process may open)",
                error.strerror,
            )


def affordable_connections(wanted: int, used: int) -> int:
    """Return how many connections to keep open: as many as wanted, or as there may be.

    ``used`` is about how many files are open now.
    """
    limit = open_files()
    room, why = limit - used - FILES_SPARE, f"this process may open {limit} files"
    if not hasattr(select, "poll"):
        room, why = SELECTED_MOST - CONNECTIONS_SPARE, "this system waits for no more at a time"
    if room >= wanted:
        return wanted
    affordable = max(FEWEST_CONNECTIONS, room)
    logger.warning(
        "%d connections at most, not %d (server.connections): %s", affordable, wanted, why
    )
    return affordable


def open_files() -> int:
    """Return how many files this process may have open; Windows has no such limit."""
    try:
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    except (ImportError, OSError):  # a sandbox may not tell
        return sys.maxsize
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit


class HttpServer(ServerThread):
    """A waitress server on a thread of its own, which can be stopped without losing an answer."""

    def __init__(
        self, app: Flask, listener: socket.socket, settings: ServerSettings, drain: Drain
    ) -> None:
        super().__init__(Listener(app, listener, settings))
        self._drain = drain

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
            if not any(is_busy(channel) for channel in self._channels()):
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _channels(self) -> list[Any]:
        return list(self._server.active_channels.values())
