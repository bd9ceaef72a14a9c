"""What requests take together is bounded, and is given back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from scoring.protocol.errors import TooLarge, Unavailable
from server.memory import FREE_BYTES, MemoryBudget


def test_past_the_limit_the_next_one_is_told_to_come_again() -> None:
    memory = MemoryBudget(1_000_000)
    first, second = memory.share(), memory.share()
    first.take(900_000 + FREE_BYTES)
    with pytest.raises(Unavailable):
        second.take(100_001 + FREE_BYTES)
    assert memory.taken == 900_000
    first.close()
    first.close()
    assert memory.taken == 0
    second.take(1_000_000)


def test_a_small_request_always_has_room() -> None:
    memory = MemoryBudget(1_000_000)
    memory.share().take(1_000_000 + FREE_BYTES)
    with memory.share() as small:
        small.take(FREE_BYTES // 2)
        small.take(FREE_BYTES // 2)
        with pytest.raises(Unavailable):
            small.take(FREE_BYTES)


def test_what_never_fits_is_too_large() -> None:
    memory = MemoryBudget(1_000_000)
    share = memory.share()
    share.take(800_000)
    with pytest.raises(TooLarge) as caught:
        share.take(800_000)
    assert caught.value.limit == 1_000_000
    share.close()
    with pytest.raises(TooLarge):
        memory.share(beside=600_000).take(800_000)


def test_many_threads_leave_nothing_behind() -> None:
    memory = MemoryBudget(10 * FREE_BYTES)

    def work(number: int) -> None:
        with memory.share() as share:
            try:
                share.take(FREE_BYTES * (number % 5))
            except Unavailable:
                return
            assert memory.taken <= memory.limit

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(2_000)))
    assert memory.taken == 0
