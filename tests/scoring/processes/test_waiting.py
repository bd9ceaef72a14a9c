from __future__ import annotations

import time

import pytest

from scoring.processes.waiting import wait_until


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the sleeps of a clock that stands at 100 s."""
    sleeps: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    monkeypatch.setattr(time, "sleep", sleeps.append)
    return sleeps


def test_it_sleeps_from_look_to_look(slept: list[float]) -> None:
    assert wait_until(110.0, 0.5)
    assert slept == [0.5]


def test_it_never_sleeps_beyond_the_deadline(slept: list[float]) -> None:
    assert wait_until(100.25, 0.5)
    assert slept == [0.25]


@pytest.mark.parametrize("deadline", [100.0, 99.0])
def test_it_does_not_sleep_when_the_time_is_over(slept: list[float], deadline: float) -> None:
    assert not wait_until(deadline, 0.5)
    assert slept == []
