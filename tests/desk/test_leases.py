"""A picture is before one person at a time, and before nobody for ever."""

from __future__ import annotations

from desk.leases import Leases


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_picture_is_held_for_one_until_its_time_is_over() -> None:
    clock = Clock()
    leases = Leases(120, clock)
    assert leases.take("a", "ana", "1")
    assert not leases.take("a", "ben", "1")
    clock.now += 119
    assert leases.holder("a") == "ana"
    assert leases.take("a", "ana", "1"), "asked for again: held from now on"
    clock.now += 119
    assert not leases.take("a", "ben", "1")
    clock.now += 1
    assert leases.holder("a") is None
    assert leases.take("a", "ben", "1")
    assert leases.held_by("ana") == set()


def test_who_leaves_lets_go_what_that_page_had() -> None:
    leases = Leases(120, Clock())
    leases.take("a", "ana", "first")
    leases.take("b", "ana", "first")
    leases.take("c", "ben", "first")
    leases.take("b", "ana", "reloaded")
    leases.leave("ana", "first")
    assert (leases.holder("a"), leases.holder("b"), leases.holder("c")) == (None, "ana", "ben")


def test_nobody_frees_what_another_holds() -> None:
    leases = Leases(120, Clock())
    leases.take("a", "ana", "1")
    leases.free("a", "ben")
    assert leases.holder("a") == "ana"
    leases.free("a", "ana")
    assert leases.holder("a") is None


def test_what_has_run_out_is_not_kept_for_ever() -> None:
    clock = Clock()
    leases = Leases(120, clock)
    for number in range(100):
        leases.take(str(number), "ana", "1")
    clock.now += 121
    leases.leave("ben", "1")
    assert leases.held_by("ana") == set()
    assert vars(leases)["_leases"] == {}
