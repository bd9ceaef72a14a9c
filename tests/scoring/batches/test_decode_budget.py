"""Large pictures are decoded side by side as far as their memory goes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from scoring.batches.decode_budget import SMALL_PIXELS, DecodeBudget
from tests.deadlines import DEADLINE

BYTES_PER_PIXEL = 6


class Decoding:
    """Threads that decode pictures, and how many of their pixels were in memory at most."""

    def __init__(self, budget: DecodeBudget) -> None:
        self._budget = budget
        self._lock = threading.Lock()
        self._pixels = 0
        self.most = 0

    def decode(self, pixels: int) -> None:
        self._budget.reserve(pixels, BYTES_PER_PIXEL)
        with self._lock:
            self._pixels += pixels
            self.most = max(self.most, self._pixels)
        # Meanwhile others come, if they may; nothing is wrong where they are late.
        threading.Event().wait(0.002)
        with self._lock:
            self._pixels -= pixels
        self._budget.release()


@pytest.mark.parametrize("room_for", [0.5, 1, 3])
def test_no_more_pixels_than_there_is_room_for_but_one_picture(room_for: float) -> None:
    pixels = 4 * SMALL_PIXELS
    decoding = Decoding(DecodeBudget(int(room_for * pixels * BYTES_PER_PIXEL)))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decoding.decode, [pixels] * 40))
    assert pixels <= decoding.most <= max(1, room_for) * pixels


def test_small_pictures_wait_for_nobody() -> None:
    budget = DecodeBudget(1)
    budget.reserve_all()
    in_other_thread(lambda: budget.reserve(SMALL_PIXELS - 1, BYTES_PER_PIXEL))


def test_what_a_stuck_thread_holds_can_be_given_back_for_it() -> None:
    budget = DecodeBudget(1)
    budget.reserve(SMALL_PIXELS, BYTES_PER_PIXEL)
    waiting = threading.Thread(target=budget.reserve, args=(SMALL_PIXELS, BYTES_PER_PIXEL))
    waiting.start()
    while not budget.is_waited_for(waiting.ident or 0):
        assert waiting.is_alive()
    budget.release(threading.get_ident())
    waiting.join(DEADLINE)
    assert not waiting.is_alive()
    assert not budget.is_waited_for(waiting.ident or 0)


def test_one_thread_that_has_it_all_asks_for_no_more() -> None:
    budget = DecodeBudget(1)
    budget.reserve_all()
    budget.reserve(10 * SMALL_PIXELS, BYTES_PER_PIXEL)
    budget.release()
    in_other_thread(budget.reserve_all)


def in_other_thread(work: object) -> None:
    thread = threading.Thread(target=work)  # type: ignore[arg-type]  # a callable
    thread.start()
    thread.join(DEADLINE)
    assert not thread.is_alive()
