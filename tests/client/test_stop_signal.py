from __future__ import annotations

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
