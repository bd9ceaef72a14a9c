"""Row 45: a line that cannot be shown costs the line, never the run."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from scoring.settings import CODE_ROOT
from tests.conftest import write_batch
from tests.deadlines import DEADLINE, wait_for
from tests.end_to_end.scheduler_process import Desk
from tests.faults.desk import LINUX, MOUNTS, Project
from tests.faults.oracle import assert_truth, read_whole_results

CLOTHES = "衣服"
SCORE = ("client.request", CLOTHES, "--start-server")
# One night, without the scheduler's waiting for it.
NIGHT = """
from datetime import date
from scheduler.launcher import ClientJob, ProcessLauncher
from scoring.settings import load_settings
launcher = ProcessLauncher(load_settings(), port=0)
server = launcher.start_server(lambda: False)
client = launcher.start_client(server, ClientJob(date(2026, 5, 5), window_seconds=600))
client.wait(600)
server.stop()
raise SystemExit(client.exit_code())
"""
SHELL_FOR_PROGRAM = {
    "disk full": '"$@" >/dev/full',
    "both full": '"$@" >/dev/full 2>/dev/full',
    "reader gone": '"$@" 2>&1 | head -1; exit $(cat "$CODE")',
    "closed": '"$@" >&-',
    "all closed": '"$@" <&- >&- 2>&-',
    "not for writing": '"$@" 1</dev/null 2</dev/null',
    "letters it has not": 'export PYTHONIOENCODING=cp1252; "$@" >"$OUT"',
    "no language": 'export LC_ALL=C; "$@" >"$OUT"',
    "ascii, strictly": 'export PYTHONIOENCODING=ascii:strict; "$@" >"$OUT" 2>&1',
}


def shell(faulty: Project, script: str, *module: str) -> int:
    """Run a program of ours by a shell script in which it is ``"$@"``; return its exit code."""
    code = faulty.folder / "code"
    # The program's own code is kept: a shell knows only the last one's of a pipe.
    keep = 'code=0; python=$1; shift; "$python" -m "$@" || code=$?; echo $code >"$CODE"; exit $code'
    done = subprocess.run(
        ["sh", "-c", script, "sh", "sh", "-c", keep, "sh", sys.executable, *module],
        cwd=CODE_ROOT,
        env={**os.environ, "CODE": str(code), "OUT": str(faulty.folder / "output")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    return done.returncode


def assert_scored(faulty: Project, images: int) -> None:
    assert faulty.latest_run().state == "done"
    rows = read_whole_results(faulty.results)
    assert [row[1] for row in rows] == [CLOTHES] * images
    assert all(row[3] for row in rows)


@LINUX
@pytest.mark.parametrize("fault", SHELL_FOR_PROGRAM)
def test_row_45_a_line_that_cannot_be_shown(faulty: Project, fault: str) -> None:
    faulty.write(CLOTHES, 3)
    assert shell(faulty, SHELL_FOR_PROGRAM[fault], *SCORE) == 0
    assert_scored(faulty, 3)
    assert_truth(faulty.settings)
    output = faulty.folder / "output"
    assert not output.exists() or "3 of 3 images" in output.read_text("utf-8")


@LINUX
@pytest.mark.parametrize("fault", ["both full", "reader gone", "all closed", "ascii, strictly"])
@pytest.mark.parametrize("command", ["status", "check"])
def test_row_45_status_and_check_say_what_they_can(
    faulty: Project, fault: str, command: str
) -> None:
    faulty.write(CLOTHES, 3)
    in_peace = faulty.run("-m", "scheduler", command)
    assert shell(faulty, SHELL_FOR_PROGRAM[fault], "scheduler", command) == in_peace.returncode
    assert "Traceback" not in in_peace.stderr


@LINUX
@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_row_45_a_terminal_that_goes_away(faulty: Project, term: str) -> None:
    """As under ``nohup`` or ``disown``: the terminal is closed, the program goes on."""
    faulty.write(CLOTHES, 400)
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", *SCORE],
        cwd=CODE_ROOT,
        env={**os.environ, "TERM": term},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown = os.read(master, 1000).decode()
    os.close(master)
    assert CLOTHES in shown or "\x1b" in shown
    assert process.wait(DEADLINE) == 0
    assert_scored(faulty, 400)
    assert_truth(faulty.settings)


@LINUX
def test_row_45_a_terminal_that_takes_nothing(night: Desk) -> None:
    """Somebody has pressed Ctrl-S: nobody waits for him, neither the night nor the end."""
    write_batch(night.project / "image_batches" / "G1", 3)
    master, terminal = pty.openpty()
    termios.tcflow(terminal, termios.TCOOFF)
    night.make_a_run_due()
    with subprocess.Popen(
        [sys.executable, "-m", "scheduler"], cwd=CODE_ROOT, stdout=terminal, stderr=terminal
    ) as process:
        try:
            wait_for(lambda: night.nightly_states() == ["done"], "the run to be done")
            process.terminate()
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()
    os.close(terminal)
    os.close(master)
    night.assert_nothing_left()
    assert night.result_rows() == 3


@MOUNTS
def test_row_45_the_nightly_clients_log_is_on_a_full_disk(
    faulty: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever client and server say has nowhere to go, the events neither."""
    faulty.write(CLOTHES, 3)
    monkeypatch.setenv("SCORING_PATHS__LOGS", str(tmp_path / "logs"))
    full = tmp_path / "logs"
    full.mkdir()
    mounts = f"mount -t tmpfs -o size=8k tmpfs {full}\nhead -c 100000 /dev/zero >{full}/z || true"
    done = faulty.run_mounted(mounts, "-c", NIGHT)
    assert done.returncode == 0, done.stderr
    assert_scored(faulty, 3)
