"""The desk as a program: up soon, small, one of a project, and gone when told."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from scoring.protocol.errors import ExitCode
from scoring.settings import CODE_ROOT
from tests.deadlines import DEADLINE

pytestmark = pytest.mark.slow

MOST_BYTES = 80_000_000


@contextmanager
def started(*flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a desk on a free port; yield it and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "desk", "--port", "0", *flags],
        cwd=CODE_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + process.stdout.read()
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "desk", *flags],
        cwd=CODE_ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def test_it_is_small_alone_and_stops_when_told(project: Path) -> None:
    with started() as (process, url):
        assert requests.get(url, timeout=DEADLINE).status_code == 200
        assert psutil.Process(process.pid).memory_info().rss <= MOST_BYTES
        second = run("--port", "0")
        assert second.returncode == ExitCode.BUSY
        assert re.fullmatch(r"error: another desk .* \(process \d+, .*\)\n", second.stderr)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == ExitCode.DONE
    with started() as (process, url):
        assert requests.get(url, timeout=DEADLINE).status_code == 200


def test_as_a_child_it_ends_with_its_parent(project: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "desk", "--port", "0", "--parent-pipe"],
        cwd=CODE_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018
    process.stdin.write('{"secret": null, "window_seconds": null}\n')
    process.stdin.flush()
    assert "the desk is at" in process.stdout.readline()
    process.stdin.close()
    assert process.wait(DEADLINE) == ExitCode.DONE
    process.stdout.close()


def test_a_port_in_use_is_one_clear_line(project: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = run("--port", str(other.getsockname()[1]))
    assert done.returncode == ExitCode.USAGE
    assert re.fullmatch(r"error: cannot listen on .*desk\.port\)\n", done.stderr)


def test_beyond_loopback_it_does_not_start_without_a_key(project: Path) -> None:
    done = run("--host", "0.0.0.0", "--port", "0")
    assert done.returncode == ExitCode.USAGE
    assert "desk.key" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX kill")
def test_killed_it_leaves_nothing_that_keeps_the_next_from_starting(project: Path) -> None:
    with started() as (process, _):
        process.kill()
        process.wait(DEADLINE)
        with started() as (_, url):
            assert requests.get(url, timeout=DEADLINE).status_code == 200


def test_it_is_ready_soon(project: Path) -> None:
    """Half a second on an idle machine; what a busy one takes is measured by hand."""
    began = time.monotonic()
    with started() as (_, url):
        requests.get(url, timeout=DEADLINE)
    assert time.monotonic() - began < DEADLINE / 2


def test_https_and_lines_of_lf_alone_are_refused_at_once(project: Path) -> None:
    with started() as (_, url):
        host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
        for begun in (bytes.fromhex("160301020001"), b"GET / HTTP/1.0\n\n"):
            with socket.create_connection((host, int(port)), timeout=DEADLINE) as connection:
                connection.sendall(begun)
                assert b" 400 " in connection.recv(100)
