"""A decoder that keeps the interpreter for itself ends the process, so that it is started anew."""

from __future__ import annotations

import faulthandler
import subprocess
import sys
import time

import pytest

from scoring.batches.watchdog import LEAST_SECONDS, Watchdog
from scoring.settings import CODE_ROOT
from tests.deadlines import DEADLINE

HOLDS_THE_INTERPRETER = """
import ctypes
from scoring.batches import watchdog
watchdog.LEAST_SECONDS = 0.5
with watchdog.Watchdog(0.5):
    ctypes.PyDLL(None).sleep(600)
print("came to its end")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="holds the interpreter by a POSIX call")
def test_who_does_not_go_round_is_ended() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOLDS_THE_INTERPRETER],
        cwd=CODE_ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 1
    assert "came to its end" not in done.stdout
    assert "Timeout (0:00:00.5" in done.stderr


class Alarm:
    """The interpreter's own alarm, set and called off, and a clock that stands still."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.goes_off_at: float | None = None

    def set(self, seconds: float, **_: object) -> None:
        self.goes_off_at = self.now + seconds

    def call_off(self) -> None:
        self.goes_off_at = None


@pytest.fixture
def alarm(monkeypatch: pytest.MonkeyPatch) -> Alarm:
    """Return an alarm in place of the one that would end the tests."""
    alarm = Alarm()
    monkeypatch.setattr(faulthandler, "dump_traceback_later", alarm.set)
    monkeypatch.setattr(faulthandler, "cancel_dump_traceback_later", alarm.call_off)
    monkeypatch.setattr(time, "monotonic", lambda: alarm.now)
    return alarm


def test_who_goes_round_is_let_alone_however_long_it_takes(alarm: Alarm) -> None:
    with Watchdog(100.0) as dog:
        for _ in range(1_000):
            alarm.now += 90.0
            assert alarm.goes_off_at is not None
            assert alarm.now < alarm.goes_off_at
            dog.feed()


def test_who_is_fed_all_the_time_has_nearly_the_whole_time_left(alarm: Alarm) -> None:
    """The alarm is not set anew at every word; what that costs of the time is a twentieth."""
    with Watchdog(100.0) as dog:
        for _ in range(1_000):
            alarm.now += 0.5
            dog.feed()
            assert alarm.goes_off_at is not None
            assert alarm.goes_off_at - alarm.now >= 95.0


def test_no_time_is_shorter_than_a_busy_machine_may_take(alarm: Alarm) -> None:
    with Watchdog(0.1):
        assert alarm.goes_off_at == alarm.now + LEAST_SECONDS


def test_afterwards_nobody_watches(alarm: Alarm) -> None:
    with Watchdog(100.0) as dog:
        pass
    assert alarm.goes_off_at is None
    alarm.now += 90.0
    dog.feed()
    assert alarm.goes_off_at is None


def test_it_watches_anew_when_it_is_entered_again(alarm: Alarm) -> None:
    dog = Watchdog(100.0)
    for _ in range(2):
        with dog:
            assert alarm.goes_off_at == alarm.now + 100.0
