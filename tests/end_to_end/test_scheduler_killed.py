"""Killing the scheduler at any moment leaves no server and no client behind."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scoring.protocol.errors import ExitCode
from tests.deadlines import wait_for
from tests.end_to_end.scheduler_process import HANGS_SECONDS, Desk

ALL_ROWS = 2_012

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, sends SIGKILL")


@pytest.fixture
def busy_desk(desk: Desk, many_images: list[Path]) -> Desk:
    """Return a project folder whose run takes long enough to be caught in the middle."""
    desk.add_batch("G2", many_images)
    desk.set("CLIENT__CHUNK_ROWS", 5)
    return desk


MOMENTS: dict[str, Callable[[Desk], bool]] = {
    "server starting": lambda desk: desk.has_process("-m server"),
    "client starting": lambda desk: desk.has_process("-m client.request") or desk.has_run(),
    "run started": Desk.has_run,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_sigkill_of_the_standing_scheduler(busy_desk: Desk, moment: str) -> None:
    busy_desk.make_a_run_due()
    with busy_desk.scheduler() as scheduler:
        wait_for(lambda: MOMENTS[moment](busy_desk), moment)
        scheduler.send_signal(signal.SIGKILL)
        scheduler.wait()
        busy_desk.assert_nothing_left()


def test_sigkill_in_the_run_then_a_new_scheduler_finishes_it(busy_desk: Desk) -> None:
    busy_desk.make_a_run_due()
    with busy_desk.scheduler() as first:
        wait_for(busy_desk.has_run, "the run to start")
        first.send_signal(signal.SIGKILL)
    # At once, while the orphans are still on their way out.
    with busy_desk.scheduler():
        wait_for(lambda: busy_desk.nightly_states() == ["done"], "the run to be done")
    assert busy_desk.result_rows() == ALL_ROWS
    assert len(busy_desk.runs()) == 1
    busy_desk.assert_nothing_left()


def test_sigterm_stops_client_and_server_in_order(busy_desk: Desk) -> None:
    busy_desk.make_a_run_due()
    with busy_desk.scheduler() as scheduler:
        wait_for(busy_desk.has_run, "the run to start")
        scheduler.send_signal(signal.SIGTERM)
        assert scheduler.wait(HANGS_SECONDS) == 0
        busy_desk.assert_nothing_left()
    assert busy_desk.events()[-2:] == ["server-stopped", "scheduler-stopped"]
    assert busy_desk.nightly_states()[0] in ("running", "done")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_cycle_by_hand_leaves_nothing_behind_either(
    busy_desk: Desk, number: signal.Signals
) -> None:
    with busy_desk.scheduler("--once", "--all") as scheduler:
        wait_for(busy_desk.has_run, "the run to start")
        scheduler.send_signal(number)
        scheduler.wait(HANGS_SECONDS)
        busy_desk.assert_nothing_left()


def test_a_client_that_is_killed_is_started_again(busy_desk: Desk) -> None:
    busy_desk.make_a_run_due()
    with busy_desk.scheduler():
        client = busy_desk.pid_of("-m client.request")
        wait_for(busy_desk.has_run, "the run to start")
        os.kill(client, signal.SIGKILL)
        wait_for(lambda: busy_desk.nightly_states() == ["done"], "the run to be done")
    assert "client-died" in busy_desk.events()
    assert busy_desk.result_rows() == ALL_ROWS


def test_a_client_of_a_cycle_by_hand_that_is_killed_has_failed(busy_desk: Desk) -> None:
    with busy_desk.scheduler("--once", "--all") as scheduler:
        client = busy_desk.pid_of("-m client.request")
        wait_for(busy_desk.has_run, "the run to start")
        os.kill(client, signal.SIGKILL)
        assert scheduler.wait(HANGS_SECONDS) == ExitCode.FAILED
        busy_desk.assert_nothing_left()
    assert "client-died" in busy_desk.events()


def test_a_server_that_is_killed_is_started_again(busy_desk: Desk) -> None:
    busy_desk.set("CLIENT__RETRY_SECONDS", 1)
    busy_desk.set("CLIENT__TRIES", 30)
    busy_desk.make_a_run_due()
    with busy_desk.scheduler():
        server = busy_desk.pid_of("-m server")
        wait_for(busy_desk.has_run, "the run to start")
        os.kill(server, signal.SIGKILL)
        wait_for(lambda: busy_desk.nightly_states() == ["done"], "the run to be done")
    assert busy_desk.events().count("server-ready") == 2
    assert busy_desk.result_rows() == ALL_ROWS


def test_a_server_that_hangs_costs_no_more_than_the_window(busy_desk: Desk) -> None:
    busy_desk.set("CLIENT__STOP_SECONDS", 1)
    busy_desk.set("SERVER__STOP_SECONDS", 1)
    # The run begins within it, also on a busy machine.
    busy_desk.make_a_run_due(window_minutes=20 / 60)
    with busy_desk.scheduler():
        server = busy_desk.pid_of("-m server")
        wait_for(busy_desk.has_run, "the run to start")
        os.kill(server, signal.SIGSTOP)
        wait_for(lambda: busy_desk.nightly_states() == ["partial"], "the run to be partial")
        wait_for(lambda: busy_desk.events()[-1] == "server-stopped", "the server to be stopped")
    busy_desk.assert_nothing_left()
