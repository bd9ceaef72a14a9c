"""A port is taken, or it is said which setting chooses another."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from scoring.processes.listening import bind, url_of
from scoring.processes.port_owner import why_not_to_be_had
from scoring.protocol.errors import SettingsError


def test_a_port_is_taken_once() -> None:
    with bind("127.0.0.1", 0, "server.port") as listener:
        port = listener.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"port {port}: .*--port, desk\.port"):
            bind("127.0.0.1", port, "desk.port")


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-name.invalid"])
def test_an_address_that_is_not_this_machines_is_another_hosts(host: str) -> None:
    with pytest.raises(SettingsError, match=r"address of this machine \(--host, desk\.host\)"):
        bind(host, 0, "desk.port")


def test_a_system_without_ipv6_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def knows_no_such_kind(*_: object) -> None:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))

    monkeypatch.setattr(socket, "socket", knows_no_such_kind)
    with pytest.raises(SettingsError, match=r"not supported.*\(--host, server\.host\)"):
        bind("::1", 5000, "server.port")
    assert "not supported" in (why_not_to_be_had("::1", 5000) or "")


def test_an_address_is_written_as_browsers_take_it() -> None:
    assert url_of("127.0.0.1", 5050) == "http://127.0.0.1:5050"
    assert url_of("::1", 5050) == "http://[::1]:5050"
