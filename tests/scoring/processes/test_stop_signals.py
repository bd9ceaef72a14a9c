from __future__ import annotations

import _thread
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from scoring.processes.stop_signals import ASKING, TERMINAL_CLOSED, on_stop_signals
from scoring.settings import CODE_ROOT
from tests.deadlines import DEADLINE, wait_for

HERE = [name for name in (*ASKING, TERMINAL_CLOSED) if hasattr(signal, name)]


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Begin as a terminal does, even under nohup, and put the handlers back that were there."""
    before = {
        name: signal.signal(getattr(signal, name), signal.default_int_handler) for name in HERE
    }
    yield
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


@pytest.mark.parametrize("name", HERE)
def test_every_signal_of_this_system_asks_to_stop(name: str) -> None:
    asked: list[str] = []
    on_stop_signals(lambda: asked.append(name), terminal_closed=True)
    signal.raise_signal(getattr(signal, name))
    wait_for(lambda: asked == [name], "the signal to be heard")


def test_a_signal_is_heard_where_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refused)
    asked: list[str] = []
    on_stop_signals(lambda: asked.append("stop"))
    signal.raise_signal(signal.SIGINT)
    assert asked == ["stop"]


WAITING = """
import signal, sys, threading
from scoring.processes.stop_signals import on_stop_signals
stop = threading.Event()
on_stop_signals(stop.set)
with stop._cond:  # as the main thread does for an instant, whenever it begins or ends to wait
    signal.raise_signal(signal.SIGINT)
sys.exit(0 if stop.wait(60) else 1)
"""


def test_a_signal_that_comes_as_a_wait_ends_is_heard() -> None:
    """It hung for ever, deaf to all further ones: a server that had been suspended, mostly."""
    subprocess.run([sys.executable, "-c", WAITING], cwd=CODE_ROOT, timeout=DEADLINE, check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
def test_under_nohup_a_closed_terminal_is_no_reason_to_stop() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    asked: list[int] = []
    on_stop_signals(lambda: asked.append(1), terminal_closed=True)
    signal.raise_signal(signal.SIGHUP)
    assert asked == []
