from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from scoring.processes.locks import (
    instance_holder,
    instance_lock,
    run_holder,
    run_lock,
)
from scoring.protocol.errors import Busy, ExitCode, ScoringError
from scoring.settings import CODE_ROOT, Settings
from tests.deadlines import DEADLINE

HOLD = """
import sys, time
from scoring.processes.locks import run_lock
from scoring.settings import load_settings
with run_lock(load_settings(), "a client that holds on"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_second_is_refused_and_told_who_the_first_is(settings: Settings) -> None:
    with run_lock(settings, "python -m client.request G1"):
        with pytest.raises(Busy, match=rf"client\.request G1 \(process {os.getpid()}") as refusal:
            with run_lock(settings, "another"):
                raise AssertionError("two held it")
        assert refusal.value.exit_code == ExitCode.BUSY
        holder = run_holder(settings)
        assert holder is not None
        assert (holder.pid, holder.command) == (os.getpid(), "python -m client.request G1")
    assert run_holder(settings) is None
    with run_lock(settings, "another"):
        pass


def test_the_two_locks_do_not_stand_in_each_others_way(settings: Settings) -> None:
    with run_lock(settings, "client"), instance_lock(settings, "scheduler"):
        assert instance_holder(settings) is not None
        with pytest.raises(Busy, match="another scheduler"):
            with instance_lock(settings, "second"):
                raise AssertionError("two held it")


def test_the_system_frees_the_lock_of_a_killed_holder(settings: Settings) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=CODE_ROOT, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Busy, match=f"a client that holds on .process {holder.pid}"):
            with run_lock(settings, "me"):
                raise AssertionError("two held it")
        holder.kill()
    assert run_holder(settings) is None
    with run_lock(settings, "me"):
        pass


def test_waits_for_the_holder_to_end(settings: Settings) -> None:
    held, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with run_lock(settings, "first"):
            held.set()
            leave.wait(DEADLINE)

    first = threading.Thread(target=hold)
    first.start()
    assert held.wait(DEADLINE)
    threading.Timer(0.1, leave.set).start()
    with run_lock(settings, "second", wait=True):
        holder = run_holder(settings)
        assert holder is not None
        assert holder.command == "second"
    first.join()


def test_gives_up_after_the_time_or_when_cancelled(settings: Settings) -> None:
    with run_lock(settings, "first"):
        for wait, cancelled in ((0.05, lambda: False), (60.0, lambda: True)):
            with pytest.raises(Busy), run_lock(settings, "second", wait, cancelled):
                raise AssertionError("two held it")


def test_an_exception_inside_frees_the_lock(settings: Settings) -> None:
    with pytest.raises(RuntimeError), run_lock(settings, "first"):
        raise RuntimeError
    assert run_holder(settings) is None


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(
    settings: Settings, project: Path
) -> None:
    (project / "data").write_text("a file where the folder should be")
    with pytest.raises(ScoringError, match=r"run\.lock cannot be locked"):
        with run_lock(settings, "me"):
            raise AssertionError("locked a file under a file")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes in folders are POSIX's")
def test_a_pipe_in_the_place_of_a_name_is_no_name(settings: Settings) -> None:
    settings.ledger_file.parent.mkdir(parents=True)
    os.mkfifo(settings.ledger_file.with_name("run.lock.json"))
    assert run_holder(settings) is None
    with run_lock(settings, "me"):
        assert run_holder(settings)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x", "command": "", "since": ""}'])
def test_a_torn_name_is_no_name(settings: Settings, text: str) -> None:
    settings.ledger_file.parent.mkdir(parents=True)
    settings.ledger_file.with_name("run.lock.json").write_text(text)
    assert run_holder(settings) is None


def test_a_name_that_cannot_be_put_in_place_leaves_nothing_beside_the_lock(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process would leave another file there, on Windows and on a full disk."""

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "replace", refused)
    with run_lock(settings, "a night"):
        assert [path.name for path in settings.ledger_file.parent.iterdir()] == ["run.lock"]
