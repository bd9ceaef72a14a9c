"""Rows 57 and 58: what many connections could cost a server of limited means. Real processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from scoring.protocol.prediction import encode_request
from scoring.settings import CODE_ROOT
from tests.conftest import garment_pixels
from tests.deadlines import DEADLINE, wait_for
from tests.server.raw import connected, head, read_answer

resource = pytest.importorskip("resource", reason="not run here: no limit on open files")

BODY = encode_request(range(1), garment_pixels(1), None)
LARGE = encode_request(range(15_000), garment_pixels(100).repeat(150, axis=0), None)
LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}))
sys.argv = ["server", "--port", "{port}"]
runpy.run_module("server", run_name="__main__", alter_sys=True)
"""


@contextmanager
def server_process(project: Path, files: int) -> Iterator[tuple[str, psutil.Process, Path]]:
    """Run a server that may open so many files; yield its URL, its process and its log."""
    log = project / "server.log"
    program = LIMITED.format(files=files, port=0)
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-c", program], cwd=CODE_ROOT, stdout=output, stderr=output
        )
    try:
        yield _url_in(log, child), psutil.Process(child.pid), log
    finally:
        child.kill()
        child.wait(DEADLINE)


def _url_in(log: Path, child: subprocess.Popen[bytes]) -> str:
    wait_for(lambda: "http://" in log.read_text() or child.poll() is not None, "its address")
    assert child.poll() is None, log.read_text()
    return log.read_text().split("serving ")[1].split(" at ")[1].split()[0]


def assert_calm(process: psutil.Process, log: Path) -> None:
    """Nothing is asked: so nothing is done, and nothing is written.

    Meanwhile the test works for a second of processor time: a server that goes round and round
    would get about as much, however many other programs there are.
    """
    used, written = sum(process.cpu_times()[:2]), log.stat().st_size
    started = time.process_time()
    while time.process_time() - started < 1:
        pass
    assert sum(process.cpu_times()[:2]) - used < 0.25
    assert log.stat().st_size - written < 2_000


def post(url: str, body: bytes) -> int:
    return requests.post(f"{url}/predict", data=body, timeout=DEADLINE).status_code


@pytest.mark.parametrize("files", [64, 100])
def test_row_58_more_connections_than_file_handles(project: Path, files: int) -> None:
    """The limit is known at start: idle ones give way before it is met."""
    with server_process(project, files) as (url, process, log), ExitStack() as stack:
        idle = [stack.enter_context(connected(url)) for _ in range(2 * files)]
        for connection in idle[-10:]:
            connection.sendall(b"GET /hea")
        assert post(url, LARGE) == 200
        assert_calm(process, log)
        assert post(url, BODY) == 200
        assert "files" in log.read_text()
        assert log.stat().st_size < 20_000


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="not run here: no prlimit")
def test_row_58_file_handles_run_out(project: Path) -> None:
    """The limit sinks while the server runs, so that accept() fails: idle ones give way, too."""
    with server_process(project, 400) as (url, process, log), ExitStack() as stack:
        busy = stack.enter_context(connected(url))
        busy.sendall(head(f"Content-Length: {len(BODY)}") + BODY[:100])
        for _ in range(60):
            stack.enter_context(connected(url))
        assert requests.get(f"{url}/health/ready", timeout=DEADLINE).status_code == 200
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (process.num_fds(),) * 2)
        for _ in range(60):
            stack.enter_context(connected(url))
            assert requests.get(f"{url}/health/ready", timeout=DEADLINE).status_code == 200
        assert_calm(process, log)
        assert post(url, BODY) == 200
        assert log.stat().st_size < 20_000
        assert "no room for another connection" in log.read_text()


def test_row_57_unfinished_bodies_without_a_key(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty of 16 MB: each is answered before its body, and none of it is kept."""
    monkeypatch.setenv("SCORING_SERVER__API_KEY", "s3cret")
    with server_process(project, 400) as (url, process, _), ExitStack() as stack:
        before = process.memory_info().rss
        for _ in range(30):
            connection = stack.enter_context(connected(url))
            connection.sendall(head("Content-Length: 15900000"))
            assert read_answer(connection)[0] == 401
        assert process.memory_info().rss - before < 50_000_000


def test_row_57_unfinished_bodies_with_a_key(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they take together is bounded; whoever asks for little is served meanwhile."""
    monkeypatch.setenv("SCORING_SERVER__MAX_MEMORY_BYTES", "100000000")
    with server_process(project, 400) as (url, process, _), ExitStack() as stack:
        before = process.memory_info().rss
        for _ in range(30):
            connection = stack.enter_context(connected(url))
            try:
                connection.sendall(head("Content-Length: 15900000") + bytes(15_000_000))
            except ConnectionError:
                continue  # told before all was sent
        refused = stack.enter_context(connected(url))
        refused.sendall(head("Content-Length: 15900000"))
        status, headers, _ = read_answer(refused)
        assert (status, int(headers["retry-after"]) > 0) == (503, True)
        assert process.memory_info().rss - before < 250_000_000
        assert post(url, BODY) == 200
        assert requests.get(f"{url}/health/ready", timeout=DEADLINE).status_code == 200
