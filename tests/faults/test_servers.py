"""Rows 65 to 67: of several servers one dies, hangs or is not fit, or all of them are dead."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from scoring.processes.port_owner import free_port
from scoring.processes.readiness import read_readiness
from scoring.protocol.errors import ExitCode
from scoring.records.ledger import Ledger
from scoring.settings import CODE_ROOT, load_settings
from tests.client.lying_server import Answer, answering, is_predict, relay
from tests.conftest import running_server
from tests.deadlines import wait_for
from tests.faults.desk import LINUX, Project
from tests.faults.oracle import assert_truth
from tests.faults.test_server import other_version

COUNT = 600
# Everything a run wrote down of its images but the number of the row.
ROWS = """
    SELECT i.num, i.path, p.content_hash, p.model_version, p.label, p.confidence, p.review, p.error,
           p.second_label, p.second_confidence, p.outlier_score, p.brightness, p.contrast
    FROM run_images i LEFT JOIN predictions p ON p.id = i.prediction_id
    WHERE i.run_id = ? ORDER BY i.num
"""


def ready(url: str) -> bool:
    answer = read_readiness(url)
    return answer is not None and answer.ready


def start_server(faulty: Project, stack: ExitStack, url: str) -> subprocess.Popen[str]:
    """Start one as somebody would by hand, and wait until it is ready."""
    command = ("-m", "server", "--port", url.rpartition(":")[2])
    server = stack.enter_context(faulty.start(*command, stdout=None, stderr=None))
    stack.callback(server.kill)
    wait_for(lambda: ready(url), f"{url} to be ready")
    return server


def three_servers(faulty: Project, stack: ExitStack) -> dict[str, subprocess.Popen[str]]:
    urls = [f"http://127.0.0.1:{free_port('127.0.0.1')}" for _ in range(3)]
    return {url: start_server(faulty, stack, url) for url in urls}


def at_commits(
    monkeypatch: pytest.MonkeyPatch, actions: Mapping[int, Callable[[], object]]
) -> None:
    """Do something once so many chunks of the run are in the ledger."""
    commit, done = Ledger.commit_chunk, count(1)

    def commit_and_act(*arguments: Any) -> None:
        commit(*arguments)
        actions.get(next(done), lambda: None)()

    monkeypatch.setattr(Ledger, "commit_chunk", commit_and_act)


def rows_of(project: Project, run_id: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(project.settings.ledger_file)) as ledger:
        return ledger.execute(ROWS, (run_id,)).fetchall()


@LINUX
def test_row_65_one_of_three_servers_is_killed_in_mid_run(
    faulty: Project, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is started again and comes back; all that is written is as with one, to the byte."""
    faulty.write("G1", COUNT)
    monkeypatch.setenv("SCORING_CLIENT__CHUNK_ROWS", "3")
    # A try of the run would wait for an hour.
    monkeypatch.setenv("SCORING_CLIENT__RETRY_SECONDS", "3600")
    with ExitStack() as stack:
        servers = three_servers(faulty, stack)
        urls = list(servers)
        assert faulty.score("G1", "--server", urls[0]) == ExitCode.DONE
        first_run, alone = faulty.latest_run().id, faulty.results.read_bytes()

        def kill() -> None:
            os.kill(servers[urls[1]].pid, signal.SIGKILL)

        def start_again() -> None:
            wait_for(lambda: "server-left-out" in faulty.events(), "it to be missed")
            start_server(faulty, stack, urls[1])
            wait_for(lambda: "server-back" in faulty.events(), "its return")

        at_commits(monkeypatch, {20: kill, 60: start_again})
        asked = [word for url in urls for word in ("--server", url)]
        assert faulty.score("G1", *asked) == ExitCode.DONE
    run = faulty.latest_run()
    assert faulty.results.read_bytes() == alone
    assert rows_of(faulty, run.id) == rows_of(faulty, first_run)
    assert len(rows_of(faulty, run.id)) == COUNT
    assert f"WARNING, server-left-out, , , {urls[1]}: " in faulty.events()
    assert f"INFO, server-back, , , {urls[1]} is well again" in faulty.events()
    assert ", retry, " not in faulty.events()
    told = re.findall(r"by server +(\S+): (\d+) images", capfd.readouterr().out)
    assert [url for url, _ in told] == urls
    assert sum(int(images) for _, images in told) == COUNT
    assert all(int(images) for _, images in told)
    assert_truth(faulty.settings)


def test_row_66_of_several_servers_one_is_fit(
    faulty: Project, server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hangs, one is busy, one has another version, one no such model, one another key."""
    faulty.write("G1", 60)
    monkeypatch.setenv("SCORING_CLIENT__CHUNK_ROWS", "5")
    monkeypatch.setenv("SCORING_CLIENT__RETRY_SECONDS", "3600")
    end = threading.Event()

    def hang(path: str, _: bytes, __: int) -> Answer | None:
        if is_predict(path):
            end.wait()
        return None

    def busy(path: str, _: bytes, __: int) -> Answer | None:
        return (503, b"{}", {"Retry-After": "600"}) if is_predict(path) else None

    digits = CODE_ROOT / "models" / "digits"
    with ExitStack() as stack:
        servers = {
            "hangs": stack.enter_context(answering(relay(server_url, hang))),
            "busy": stack.enter_context(answering(relay(server_url, busy))),
        }
        stack.callback(end.set)
        unfit: dict[str, dict[str, Any]] = {
            "older": {"models": (other_version(tmp_path / "older"),)},
            "digits": {"models": (digits,)},
            "locked": {"api_key": "another"},
        }
        for name, server in unfit.items():
            servers[name] = stack.enter_context(running_server(load_settings(server=server)))
        urls = ",".join([server_url, *servers.values()])
        assert faulty.score("G1", "--server", urls, "--model", "fashion") == ExitCode.DONE
    told = faulty.events()
    for name, why in {
        "hangs": ": no answer for ",
        "busy": ": the server answered 503",
        "older": " serves fashion ",
        "digits": " does not serve fashion; it scores none of these images",
        "locked": ": the server answered 401",
    }.items():
        assert f"{servers[name]}{why}" in told
    assert ", retry, " not in told
    rows = rows_of(faulty, faulty.latest_run().id)
    assert len(rows) == 60
    assert len({row[3] for row in rows}) == 1, "all are of one version"
    assert_truth(faulty.settings)


def test_row_67_all_of_several_servers_are_dead(faulty: Project, server_url: str) -> None:
    faulty.write("G1", 12)
    posts: list[str] = []

    def die(path: str, _: bytes, __: int) -> Answer | None:
        if is_predict(path):
            posts.append(path)
            raise ConnectionAbortedError
        return None

    nowhere = "http://127.0.0.1:1,http://127.0.0.1:2"
    assert faulty.score("G1", "--server", nowhere) == ExitCode.NO_SERVER
    assert faulty.events().count(", no-server, ") == 3
    with answering(relay(server_url, die)) as one, answering(relay(server_url, die)) as two:
        assert faulty.score("G1", "--server", one, "--server", two) == ExitCode.FAILED
    assert faulty.events().count(", retry, ") == 2
    assert not faulty.results.exists()
    assert_truth(faulty.settings)
