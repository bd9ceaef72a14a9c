"""A port of this machine, taken for a server, and the thread that answers there."""

from __future__ import annotations

import errno
import socket
import threading
from typing import Any

from scoring.protocol.errors import SettingsError

# What the system says of an address that this machine has not, or of a kind that it knows not.
NOT_OURS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def bind(host: str, port: int, setting: str) -> socket.socket:
    """Return a listening socket; raises SettingsError where the port cannot be had.

    ``setting`` is the key to change then, like ``server.port``.
    """
    try:
        return _listener(host, port)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host} port {port}: {error.strerror or error};"
            f" {_advice(error, setting)}"
        ) from error


def _listener(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises OSError, of a system without IPv6, too."""
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
    except OSError:
        listener.close()
        raise
    return listener


def _advice(error: OSError, setting: str) -> str:
    if isinstance(error, socket.gaierror) or error.errno in NOT_OURS:
        section = setting.partition(".")[0]
        return f"give a name or address of this machine (--host, {section}.host)"
    return f"stop what uses it or choose another port (--port, {setting})"


def url_of(host: str, port: int) -> str:
    """Return the address of what listens there; IPv6 has its brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class ServerThread:
    """A server as waitress makes them, on a thread of its own; how it is stopped is its own way."""

    def __init__(self, server: Any) -> None:  # waitress has no types
        self._server = server
        self._thread = threading.Thread(target=server.run, name="http", daemon=True)

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
