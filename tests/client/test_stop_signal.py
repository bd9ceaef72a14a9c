from __future__ import annotations

import pytest

from client.retry_policy import RunWindow
from client.stop_signal import StopSignal


def test_what_was_given_up_can_begin_again() -> None:
    stop = StopSignal()
    stop.give_up()
    assert stop.requested
    stop.sleep(60)
    stop.begin_again()
    assert not stop.requested


def test_a_stop_that_somebody_asked_for_stands() -> None:
    stop = StopSignal()
    stop.give_up()
    stop.request()
    stop.begin_again()
    assert stop.requested


def test_a_stop_by_hand_is_not_the_end_of_the_window() -> None:
    stop = StopSignal()
    stop.request()
    assert stop.requested
    assert not stop.window_over


@pytest.mark.parametrize("first", [True, False])
def test_once_the_window_is_over_no_other_stop_takes_that_back(first: bool) -> None:
    stop = StopSignal()
    stop.request(window_closed=first)
    stop.request(window_closed=not first)
    stop.begin_again()
    assert stop.window_over


def test_the_runs_own_clock_ends_it_without_anybodys_word() -> None:
    stop = StopSignal(RunWindow(60.0, started=-1e9))
    assert (stop.window_over, stop.requested) == (True, True)
    stop.begin_again()
    assert stop.requested
    assert not StopSignal(RunWindow(1e9)).requested
