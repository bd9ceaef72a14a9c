"""A port is taken, or it is said which setting chooses another."""

from __future__ import annotations

import pytest

from scoring.processes.listening import bind, url_of
from scoring.protocol.errors import SettingsError


def test_a_port_is_taken_once() -> None:
    with bind("127.0.0.1", 0, "server.port") as listener:
        port = listener.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"port {port}: .*--port, desk\.port"):
            bind("127.0.0.1", port, "desk.port")


def test_an_address_is_written_as_browsers_take_it() -> None:
    assert url_of("127.0.0.1", 5050) == "http://127.0.0.1:5050"
    assert url_of("::1", 5050) == "http://[::1]:5050"
