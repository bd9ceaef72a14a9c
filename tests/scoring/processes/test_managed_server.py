from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scoring.processes.managed_server import ManagedServer
from scoring.processes.port_owner import free_port
from scoring.protocol.errors import NoServer
from scoring.settings import CODE_ROOT, Settings, load_settings
from tests.deadlines import wait_for
from tests.scoring.processes.process_list import project_processes

StandIn = Callable[[str], None]

STRANGER = """
import http.server, sys
http.server.test(http.server.SimpleHTTPRequestHandler, bind="127.0.0.1", port=int(sys.argv[1]))
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Return a function that puts a text in the place of the server."""

    def replace(code: str) -> None:
        package = tmp_path / "root" / "server"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(CODE_ROOT))
        monkeypatch.setattr("scoring.processes.child.CODE_ROOT", tmp_path / "root")

    return replace


def test_any_port_of_an_address_that_is_not_this_machines_is_not_to_be_had() -> None:
    settings = Settings(project=CODE_ROOT, server={"host": "192.0.2.1", "port": 0})
    with pytest.raises(NoServer, match=r"server\.host 192\.0\.2\.1: .*; give a name or address"):
        ManagedServer(settings)


def test_a_real_server_gets_ready_and_stops_without_a_trace(
    settings: Settings, project: Path
) -> None:
    with ManagedServer(settings, port=0) as server:
        server.start()
        readiness = server.wait_until_ready(60)
        assert readiness.pid == server.pid
        assert [model.name for model in readiness.models] == ["fashion"]
        assert server.is_running()
        pid = server.pid
    assert server.exit_code() == 0
    assert pid not in project_processes(project)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals of POSIX")
def test_the_death_of_a_server_shows_at_once(settings: Settings) -> None:
    with ManagedServer(settings, port=0) as server:
        server.start()
        server.wait_until_ready(60)
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)
        wait_for(lambda: not server.is_running(), "the death of the server")
        assert server.exit_code() == -signal.SIGKILL


def test_a_server_that_dies_at_the_start_is_noticed_with_its_last_words(
    settings: Settings,
    stand_in: StandIn,
) -> None:
    stand_in("raise SystemExit('the model is broken')")
    with ManagedServer(settings, port=0) as server:
        server.start()
        # Longer than any test may take: its death is noticed, not the end of the time.
        with pytest.raises(NoServer, match="exit code 1 before it was ready: the model is broken"):
            server.wait_until_ready(3600)


def test_a_server_that_never_gets_ready_is_killed_at_the_deadline(
    settings: Settings,
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand_in("import time\nprint('still thinking', flush=True)\ntime.sleep(600)")
    quick = load_settings(server={"stop_seconds": 0.05})
    with ManagedServer(quick, port=0) as server:
        server.start()
        wait_for(lambda: "thinking" in server.log_tail(), "its first words")
        with pytest.raises(NoServer, match=r"not ready after 0\.2 s and was stopped: still think"):
            server.wait_until_ready(0.2)
        assert not server.is_running()


def test_waiting_can_be_cancelled(settings: Settings, stand_in: StandIn) -> None:
    stand_in("import time\ntime.sleep(600)")
    quick = load_settings(server={"stop_seconds": 0.05})
    server = ManagedServer(quick, port=0)
    server.start()
    with pytest.raises(NoServer, match="stopped while"):
        server.wait_until_ready(60, cancelled=lambda: True)
    assert not server.is_running()


@pytest.mark.skipif(sys.platform != "linux", reason="names owners from /proc")
def test_a_stranger_on_the_port_is_named_and_nothing_is_started(
    settings: Settings, project: Path
) -> None:
    port = free_port("127.0.0.1")
    with subprocess.Popen(
        [sys.executable, "-c", STRANGER, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as stranger:
        try:
            server = ManagedServer(settings, port=port)
            wait_for(lambda: _answers(port), "the stranger to listen")
            with pytest.raises(NoServer, match=rf"port {port} is taken by .*{stranger.pid}"):
                server.start()
            assert server.pid is None
        finally:
            stranger.kill()


def test_another_server_of_ours_on_the_port_is_not_taken_for_this_one(settings: Settings) -> None:
    with ManagedServer(settings, port=0) as first:
        first.start()
        first.wait_until_ready(60)
        second = ManagedServer(settings, port=first.port)
        with pytest.raises(NoServer, match="is taken by"):
            second.start()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
