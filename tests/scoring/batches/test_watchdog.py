"""A decoder that keeps the interpreter for itself ends the process, so that it is started anew."""

from __future__ import annotations

import faulthandler
import subprocess
import sys
import threading

import pytest

from scoring.batches import watchdog
from scoring.batches.watchdog import LEAST_SECONDS, Watchdog
from scoring.settings import CODE_ROOT
from tests.deadlines import DEADLINE

UNDER_A_WATCHDOG = """
import ctypes, time
from scoring.batches import watchdog
watchdog.LEAST_SECONDS = 1.0
with watchdog.Watchdog(1.0):
    {work}
print("came to its end")
"""
HOLDS_THE_INTERPRETER = "ctypes.PyDLL(None).sleep(600)"
# Nobody tells the watchdog of it: as in a run that never waits, and never says so therefore.
IS_BUSY = """
    end = time.monotonic() + 3.0
    while time.monotonic() < end:
        sum(range(10_000))"""
WAITS = "time.sleep(3.0)"


def run_under_a_watchdog(work: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", UNDER_A_WATCHDOG.format(work=work)],
        cwd=CODE_ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="holds the interpreter by a POSIX call")
def test_who_does_not_go_round_is_ended() -> None:
    done = run_under_a_watchdog(HOLDS_THE_INTERPRETER)
    assert done.returncode == 1
    assert "came to its end" not in done.stdout
    assert "Timeout (0:00:01" in done.stderr


class Alarm:
    """The interpreter's own alarm; it tells when it was put off ``often``."""

    def __init__(self, often: int = 5) -> None:
        self.seconds: float | None = None
        self.times = 0
        self.was_put_off_often = threading.Event()
        self._often = often

    def set(self, seconds: float, **_: object) -> None:
        self.seconds = seconds
        self.times += 1
        if self.times >= self._often:
            self.was_put_off_often.set()

    def call_off(self) -> None:
        self.seconds = None


@pytest.fixture
def alarm(monkeypatch: pytest.MonkeyPatch) -> Alarm:
    """Return an alarm in place of the one that would end the tests."""
    alarm = Alarm()
    monkeypatch.setattr(faulthandler, "dump_traceback_later", alarm.set)
    monkeypatch.setattr(faulthandler, "cancel_dump_traceback_later", alarm.call_off)
    return alarm


@pytest.mark.parametrize("work", [IS_BUSY, WAITS])
def test_who_goes_round_is_let_alone_however_long_it_takes(work: str) -> None:
    """A run of images that were read in time was ended after three minutes."""
    done = run_under_a_watchdog(work)
    assert (done.returncode, done.stdout, done.stderr) == (0, "came to its end\n", "")


def test_the_alarm_is_put_off_again_and_again(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "LEAST_SECONDS", 0.1)
    with Watchdog(0.1):
        assert alarm.was_put_off_often.wait(DEADLINE)


def test_no_time_is_shorter_than_a_busy_machine_may_take(alarm: Alarm) -> None:
    with Watchdog(0.1):
        assert alarm.seconds == LEAST_SECONDS


def test_afterwards_nobody_watches(alarm: Alarm) -> None:
    before = threading.active_count()
    with Watchdog(100.0):
        pass
    assert alarm.seconds is None
    assert threading.active_count() == before


def test_it_watches_anew_when_it_is_entered_again(alarm: Alarm) -> None:
    dog = Watchdog(100.0)
    for _ in range(2):
        with dog:
            assert alarm.seconds == 100.0
