from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scoring.processes import port_owner
from scoring.processes.listening import bind
from scoring.processes.port_owner import (
    describe_owner,
    free_port,
    handed_out_ports,
    is_descendant_of,
    listeners,
    port_is_taken,
    why_not_to_be_had,
)


def test_a_taken_port_is_seen_and_its_owner_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert port_is_taken("127.0.0.1", port)
        assert f"(process {os.getpid()})" in describe_owner(port) or sys.platform == "darwin"
        assert [is_descendant_of(one, os.getppid()) for one in listeners(port)] in ([True], [])
        assert not any(is_descendant_of(one, os.getpid()) for one in listeners(port))
    assert not port_is_taken("127.0.0.1", port)


# As the launcher of a virtual environment on Windows does.
LAUNCHER = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
LISTEN = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()
"""


def test_who_was_started_by_way_of_a_launcher_is_known() -> None:
    command = [sys.executable, "-c", LAUNCHER, LISTEN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as launcher:
        assert launcher.stdin
        assert launcher.stdout
        owners = listeners(int(launcher.stdout.readline()))
        assert [is_descendant_of(owner, os.getpid()) for owner in owners] in ([True], [])
        assert not any(is_descendant_of(owner, owner.pid) for owner in owners)
        launcher.stdin.close()


@pytest.mark.parametrize("everywhere", ["0.0.0.0", ""])
def test_an_address_that_means_all_is_asked_on_this_machine(everywhere: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert port_is_taken(everywhere, listener.getsockname()[1])


def test_nobody_on_a_port_has_no_name() -> None:
    port = free_port("127.0.0.1")
    assert listeners(port) == []
    assert describe_owner(port) == "a program that cannot be named (another user's)"


def test_what_the_system_says_against_a_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert why_not_to_be_had("127.0.0.1", listener.getsockname()[1])
    assert why_not_to_be_had("192.0.2.1", 0), "an address of no machine"
    assert why_not_to_be_had("127.0.0.1", free_port("127.0.0.1")) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_free_port_is_a_servers_also_a_second_time_and_nobody_elses(host: str) -> None:
    port = free_port(host)
    for _ in range(2):
        assert not port_is_taken(host, port)
        if sys.platform == "linux":
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", port))
        with bind(host, port, "server.port"):
            assert port_is_taken(host, port)


@pytest.mark.parametrize(
    ("text", "ports"),
    [("40000\t40002\n", range(40_000, 40_003)), ("", range(0)), ("any\tport\n", range(0))],
)
def test_the_ports_that_are_handed_out_are_read_where_they_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, ports: range
) -> None:
    told = tmp_path / "range"
    monkeypatch.setattr(port_owner, "PORT_RANGE_FILE", told)
    assert handed_out_ports() == range(0), "no such file"
    told.write_text(text)
    assert handed_out_ports() == ports
