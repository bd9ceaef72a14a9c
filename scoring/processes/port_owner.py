"""Who listens on a port of this machine?"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

LISTENING = "0A"
CONNECT_SECONDS = 1.0


def port_is_taken(host: str, port: int) -> bool:
    """Tell whether somebody accepts connections there."""
    try:
        with socket.create_connection((_reachable(host), port), timeout=CONNECT_SECONDS):
            return True
    except OSError:
        return False


def free_port(host: str) -> int:
    """Return a port that nobody uses at the moment."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def describe_owner(port: int) -> str:
    """Name the process that listens on a port, as far as this system tells."""
    if sys.platform != "linux":
        return "another program"
    owners = _owners(_listening_sockets(port))
    return " and ".join(owners) if owners else "a program of another user"


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)


def _listening_sockets(port: int) -> set[str]:
    """Return the links that file descriptors of those sockets show, like ``socket:[1234]``."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == LISTENING and int(fields[1].rsplit(":", 1)[1], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found


def _owners(sockets: set[str]) -> list[str]:
    owners = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and _holds(folder / "fd", sockets):
            owners.append(f"{_command(folder)} (process {folder.name})")
    return owners


def _holds(descriptors: Path, sockets: set[str]) -> bool:
    try:
        return any(os.readlink(link) in sockets for link in descriptors.iterdir())
    except OSError:  # ended meanwhile, or another user's
        return False


def _command(folder: Path) -> str:
    try:
        words = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return "a program"
    return " ".join(" ".join(words).split())[:120] or "a program"
