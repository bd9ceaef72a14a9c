"""Requests written by hand, byte by byte, and answers read as they come."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import orjson

from tests.deadlines import DEADLINE


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    """Open a connection to the server at ``url``."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=DEADLINE) as connection:
        yield connection


def head(
    *lines: str, target: str = "/predict", method: str = "POST", version: str = "1.1"
) -> bytes:
    """Return a request line and headers; a Host is among them where none is given."""
    if version == "1.1" and not any(line.lower().startswith("host:") for line in lines):
        lines = ("Host: localhost", *lines)
    return "\r\n".join([f"{method} {target} HTTP/{version}", *lines, "", ""]).encode("latin-1")


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers (names in small letters) and body of the next answer."""
    with connection.makefile("rb", buffering=0) as stream:
        status = int(stream.readline().split()[1])
        headers = {}
        while line := stream.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        left = int(headers.get("content-length", 0))
        body = b""
        while left and (part := stream.read(left)):
            body, left = body + part, left - len(part)
    return status, headers, body


def ask(url: str, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send these bytes and return the first answer to them."""
    with connected(url) as connection:
        connection.sendall(request)
        return read_answer(connection)


def code(body: bytes) -> str:
    """Return the code of an error's body."""
    return str(orjson.loads(body)["error"]["code"])
