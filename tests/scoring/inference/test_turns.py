"""Slices in turn: a small request waits for no whole one. Events hold the work, not a clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from scoring.inference.turns import Turns
from tests.deadlines import DEADLINE

# Longer than any of these takes; a test that comes to it has failed.
PATIENCE = DEADLINE


class Gate:
    """Work that is done only when it is let through, one slice at a time."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.begun = threading.Semaphore(0)
        self._passes = threading.Semaphore(0)

    def work(self, name: str) -> str:
        self.begun.release()
        assert self._passes.acquire(timeout=PATIENCE)
        self.done.append(name)
        return name

    def let_through(self, count: int) -> None:
        self._passes.release(count)


def until_one_waits(turns: Turns) -> None:
    deadline = time.monotonic() + PATIENCE
    while not turns._executor._work_queue.qsize():
        assert time.monotonic() < deadline


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_small_request_waits_for_no_whole_one(threads: int, callers: ThreadPoolExecutor) -> None:
    turns, gate = Turns(threads), Gate()
    large = callers.submit(turns.map, gate.work, [f"large {i}" for i in range(100)])
    for _ in range(threads):
        assert gate.begun.acquire(timeout=PATIENCE)
    small = callers.submit(turns.map, gate.work, ["small"])
    until_one_waits(turns)
    # What runs already, what a thread may have taken first, and the small one itself.
    gate.let_through(2 * threads)
    assert small.result(PATIENCE) == ["small"]
    assert not large.done()
    gate.let_through(100)
    assert large.result(PATIENCE) == [f"large {i}" for i in range(100)]
    turns.close()


def test_two_large_requests_go_on_in_turn(callers: ThreadPoolExecutor) -> None:
    turns, gate = Turns(1), Gate()
    first = callers.submit(turns.map, gate.work, ["a"] * 20)
    assert gate.begun.acquire(timeout=PATIENCE)
    second = callers.submit(turns.map, gate.work, ["b"] * 20)
    until_one_waits(turns)
    gate.let_through(40)
    assert (first.result(PATIENCE), second.result(PATIENCE)) == (["a"] * 20, ["b"] * 20)
    assert "".join(gate.done) == "ab" * 20
    turns.close()


def test_results_come_in_the_order_of_the_slices(callers: ThreadPoolExecutor) -> None:
    turns = Turns(3)
    wanted = [[number * ten for number in range(50)] for ten in (1, 10, 100)]
    asked = [
        callers.submit(turns.map, lambda number, ten=ten: number * ten, range(50))
        for ten in (1, 10, 100)
    ]
    assert [one.result(PATIENCE) for one in asked] == wanted
    assert turns.map(str, []) == []
    turns.close()


def test_an_error_in_a_slice_ends_its_request_and_no_other(callers: ThreadPoolExecutor) -> None:
    turns, gate, tried = Turns(1), Gate(), []

    def fail_at_three(number: int) -> None:
        tried.append(number)
        if number == 3:
            raise ValueError("three")

    other = callers.submit(turns.map, gate.work, ["other"] * 3)
    assert gate.begun.acquire(timeout=PATIENCE)
    failing = callers.submit(turns.map, fail_at_three, range(1_000))
    gate.let_through(3)
    with pytest.raises(ValueError, match="three"):
        failing.result(PATIENCE)
    assert other.result(PATIENCE) == ["other"] * 3
    assert tried == [0, 1, 2, 3]
    turns.close()


def test_nobody_waits_for_threads_that_have_ended(callers: ThreadPoolExecutor) -> None:
    turns, gate = Turns(1), Gate()
    left = callers.submit(turns.map, gate.work, ["left"] * 5)
    assert gate.begun.acquire(timeout=PATIENCE)
    closing = callers.submit(turns.close)
    while not turns._executor._shutdown:
        assert not closing.done()
    gate.let_through(5)
    with pytest.raises(CancelledError):
        left.result(PATIENCE)
    closing.result(PATIENCE)
    assert gate.done == ["left"]
