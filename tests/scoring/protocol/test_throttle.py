"""Wrong keys come slowly, however many try, and the right one is never shut out."""

from __future__ import annotations

import pytest

from scoring.protocol.throttle import (
    ALL_BURST,
    MOST_CALLERS,
    ONE_BURST,
    ONE_SECONDS,
    Throttle,
    neighbourhood,
)


class Clock:
    """Seconds that a test turns on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def tries(throttle: Throttle, caller: str, count: int, *, known: bool = False) -> int:
    return sum(throttle.take(caller, known=known) == 0 for _ in range(count))


def test_an_address_has_a_few_tries_and_then_one_after_another() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    assert tries(throttle, "10.0.0.1", 100) == ONE_BURST
    assert 0 < throttle.take("10.0.0.1") <= ONE_SECONDS
    clock.now += ONE_SECONDS
    assert tries(throttle, "10.0.0.1", 100) == 1, "what is refused takes nothing"
    clock.now += 86_400
    assert tries(throttle, "10.0.0.1", 100) == ONE_BURST


def test_many_addresses_try_no_faster_than_some() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    tried = sum(tries(throttle, f"10.0.{n // 256}.{n % 256}", 1) for n in range(1000))
    assert tried == ALL_BURST
    clock.now += 10
    assert sum(tries(throttle, f"10.1.0.{n}", 1) for n in range(200)) == 10


def test_a_browser_that_was_here_does_not_wait_for_strangers() -> None:
    throttle = Throttle(Clock())
    for n in range(1000):
        throttle.take(f"10.0.{n // 256}.{n % 256}")
    assert throttle.take("10.9.9.9") > 0
    assert tries(throttle, "its-number", 100, known=True) == ONE_BURST


def test_a_right_key_costs_nothing() -> None:
    throttle = Throttle(Clock())
    for _ in range(1000):
        assert throttle.take("10.0.0.1") == 0
        throttle.give_back("10.0.0.1")


def test_addresses_are_forgotten_before_there_are_too_many() -> None:
    throttle = Throttle(Clock())
    for n in range(MOST_CALLERS + 500):
        throttle.take(f"{n}")
    assert len(throttle._callers) == MOST_CALLERS


def test_who_is_longest_unheard_of_is_forgotten_first() -> None:
    throttle = Throttle(Clock())
    assert tries(throttle, "first", 100, known=True) == ONE_BURST
    for n in range(MOST_CALLERS - 1):
        throttle.take(f"{n}", known=True)
    assert throttle.take("first", known=True) > 0
    assert tries(throttle, "one more", 100, known=True) == ONE_BURST
    assert throttle.take("first", known=True) > 0, "heard of since"
    assert len(throttle._callers) == MOST_CALLERS


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("10.0.0.1", "10.0.0.2", False),
        ("", "no address", False),
    ],
)
def test_of_ipv6_one_person_has_many(one: str, other: str, same: bool) -> None:
    assert (neighbourhood(one) == neighbourhood(other)) == same
