"""Who listens on a port of this machine?

psutil is loaded where a port is taken and somebody has to be named: most starts find it free.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

CONNECT_SECONDS = 1.0
PORT_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
LONGEST_COMMAND = 120


def port_is_taken(host: str, port: int) -> bool:
    """Tell whether somebody accepts connections there."""
    try:
        with socket.create_connection((_reachable(host), port), timeout=CONNECT_SECONDS):
            return True
    except OSError:
        return False


def why_not_to_be_had(host: str, port: int) -> str | None:
    """Try to listen there as a server would; return what the system says against it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if not hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # not on Windows
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:  # also of a system without IPv6
        return error.strerror or str(error)
    return None


def handed_out_ports() -> range:
    """Return the ports that this system gives to programs that ask for any, where it tells."""
    try:
        first, last = PORT_RANGE_FILE.read_text(encoding="ascii").split()
        return range(int(first), int(last) + 1)
    except (OSError, ValueError):
        return range(0)


def free_port(host: str) -> int:
    """Return a port that nobody uses; on Linux nobody else is given it while this process lives.

    A socket stays bound to it and never listens: who asks the system for any port gets another
    one, and a server that names this one has it, now and after its end, for both have SO_REUSEADDR.
    Otherwise it could be another program's by the time that the server is up.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, 0))
        port = int(probe.getsockname()[1])
        if sys.platform == "linux":
            probe.detach()
    return port


def listeners(port: int) -> list[psutil.Process]:
    """Return the processes that listen on a port, as far as this system tells us."""
    import psutil

    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):  # macOS tells it to root only
        return []
    pids = {
        one.pid
        for one in connections
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid
    }
    return [process for pid in sorted(pids) if (process := _process(pid))]


def describe_owner(port: int) -> str:
    """Name the processes that listen on a port, as far as this system tells us."""
    owners = [f"{_command(process)} (process {process.pid})" for process in listeners(port)]
    return " and ".join(owners) or "a program that cannot be named (another user's)"


def is_descendant_of(process: psutil.Process, ancestor_pid: int) -> bool:
    """Tell whether that process started this one, or what started it.

    In a virtual environment on Windows ``python`` is a program that starts another one.
    """
    import psutil

    try:
        return any(parent.pid == ancestor_pid for parent in process.parents())
    except psutil.Error:
        return False


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)


def _process(pid: int) -> psutil.Process | None:
    import psutil

    try:
        return psutil.Process(pid)
    except psutil.Error:  # ended meanwhile
        return None


def _command(process: psutil.Process) -> str:
    import psutil

    try:
        words = " ".join(" ".join(process.cmdline()).split()) or process.name()
    except psutil.Error:
        return "a program"
    return words[:LONGEST_COMMAND]
