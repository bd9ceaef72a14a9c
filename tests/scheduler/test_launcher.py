from __future__ import annotations

import os
import re
import signal
import sys
from datetime import date

import pytest

from scheduler.launcher import ClientJob, ProcessLauncher, find_running_server
from scoring.processes.port_owner import free_port
from scoring.protocol.commands import command
from scoring.protocol.errors import ExitCode, NoServer
from scoring.settings import Settings, load_settings
from tests.conftest import running_server, write_batch
from tests.deadlines import DEADLINE, wait_for


def never() -> bool:
    return False


@pytest.mark.parametrize(
    ("job", "arguments"),
    [
        (ClientJob(date(2026, 5, 5)), ["--nightly", "2026-05-05"]),
        (ClientJob(date(2026, 5, 5), rescore=True), ["--nightly", "2026-05-05", "--all"]),
        (ClientJob(None), ["--every-batch", "--new"]),
        (ClientJob(None, rescore=True), ["--every-batch", "--all"]),
    ],
)
def test_the_command_line_says_what_is_to_be_scored(job: ClientJob, arguments: list[str]) -> None:
    assert job.arguments("http://x") == ["--server", "http://x", *arguments]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_server_that_is_stuck_is_ended(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.launcher.LOOK_SECONDS", 0.0)
    monkeypatch.setattr("scheduler.launcher.SILENT_LOOKS", 2)
    monkeypatch.setattr("scoring.processes.child.TERMINATE_SECONDS", 0.1)
    server = ProcessLauncher(settings, port=0).start_server(never)
    try:
        # On a busy machine a look may be in vain though all is well; the count begins anew then.
        wait_for(lambda: server.failure() is None and server._silent_looks == 0, "an answer")  # type: ignore[attr-defined]
        os.kill(server._server.pid, signal.SIGSTOP)  # type: ignore[attr-defined]
        # The stop takes effect a moment later: until then it may answer once more.
        ended = "the server was alive, gave no answer 2 times, and was ended"
        looks = list(iter(server.failure, ended))
        assert looks
        assert not any(looks)
        assert "exit code -9" in (server.failure() or "")
    finally:
        server.stop()


def test_a_running_server_is_found_and_a_missing_one_explained(settings: Settings) -> None:
    with running_server(settings) as url:
        found = find_running_server(load_settings(client={"server": url}), never)
        assert (found.url, found.secret, found.is_ours) == (url, None, False)
        several = load_settings(client={"server": ["http://127.0.0.1:1", url]})
        assert find_running_server(several, never).url == url
    nobody = load_settings(
        client={"server": f"http://127.0.0.1:{free_port('127.0.0.1')}"},
        server={"ready_seconds": 0.1},
    )
    with pytest.raises(NoServer, match=f"start one with '{re.escape(command('server'))}'"):
        find_running_server(nobody, never)


@pytest.mark.slow
def test_a_client_that_was_loaded_is_the_one_that_scores(settings: Settings) -> None:
    write_batch(settings.batches_folder / "G1", 1)
    launcher, job = ProcessLauncher(settings, port=0), ClientJob(date(2026, 5, 5))
    launcher.load_client(job)
    assert launcher._loaded
    loaded = launcher._loaded[1]
    server = launcher.start_server(never)
    try:
        client = launcher.start_client(server, ClientJob(job.due_date, window_seconds=600))
        assert client.pid == loaded.pid
        assert client.wait(DEADLINE) == client.stop(0.0) == ExitCode.DONE, client.log_tail()
        launcher.load_client(job)
        other = launcher.start_client(server, ClientJob(date(2026, 5, 6), window_seconds=600))
        assert other.wait(DEADLINE) == other.stop(0.0) == ExitCode.DONE, (
            "it is started for another day"
        )
        assert launcher._loaded is None
    finally:
        server.stop()


@pytest.mark.slow
def test_a_client_that_was_loaded_in_vain_leaves_no_trace(settings: Settings) -> None:
    launcher = ProcessLauncher(settings, port=0)
    launcher.load_client(ClientJob(date(2026, 5, 5)))
    assert launcher._loaded
    loaded = launcher._loaded[1]
    launcher.drop_client()
    assert loaded.exit_code() is not None
    assert loaded.log_tail() == ""
    assert not settings.logs_folder.exists()
    assert not settings.ledger_file.exists()
