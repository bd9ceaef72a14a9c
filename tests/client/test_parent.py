"""The client's end of the scheduler's pipe, in a process of its own with a real standard input."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scoring.processes.parent_pipe import WAIT, WINDOW_IS_OVER, FirstLine
from scoring.protocol.errors import ExitCode
from scoring.protocol.identity import SessionSecret
from scoring.settings import CODE_ROOT
from tests.deadlines import DEADLINE

CHILD = """
from client.parent import obey_parent
from client.stop_signal import StopSignal
from scoring.settings import load_settings

stop = StopSignal()
secret = obey_parent(load_settings(), stop).secret
print(secret.reveal() if secret else None, stop.window.seconds)
stop.sleep(1e6)
print("over" if stop.window_over else "stopped" if stop.requested else "slept")
"""

pytestmark = pytest.mark.usefixtures("project")


def told(*arguments: str, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run Python with this standard input, which ends then."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=CODE_ROOT,
        input=stdin,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )


@pytest.mark.parametrize(
    ("first", "then", "heard"),
    [
        (FirstLine(SessionSecret("abc"), 1e6), WINDOW_IS_OVER, ["abc 1000000.0", "over"]),
        (FirstLine(None, None), b"", ["None None", "stopped"]),
    ],
)
def test_secret_window_and_end_are_heard_even_if_all_comes_at_once(
    first: FirstLine, then: bytes, heard: list[str]
) -> None:
    done = told("-c", CHILD, stdin=first.encode() + then)
    assert done.stdout.decode().splitlines() == heard
    assert done.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("stdin", [b"", b"hello\n"])
def test_whoever_has_no_parent_is_told_what_the_flag_is_for(project: Path, stdin: bytes) -> None:
    done = told("-m", "client.request", "G1", "--parent-pipe", stdin=stdin)
    assert done.returncode == ExitCode.FAILED
    assert done.stderr.decode().splitlines() == [
        "error: --parent-pipe is for children of this software; leave it out by hand"
    ]
    assert not (project / "logs").exists()


@pytest.mark.slow
def test_a_client_that_was_loaded_in_vain_leaves_without_a_trace(project: Path) -> None:
    done = told("-m", "client.request", "--every-batch", "--parent-pipe", stdin=WAIT)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.DONE, b"", b"")
    assert not (project / "logs").exists()
    assert not (project / "data").exists()
