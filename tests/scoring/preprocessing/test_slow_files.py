"""A file's verdict takes time and memory by its bytes, whatever it claims."""

import time
import tracemalloc

import pytest

from scoring.preprocessing.decode import DecodeError, DecodeLimits
from scoring.preprocessing.registry import find
from tests.deadlines import work_of_at_most
from tests.scoring.preprocessing.slow_files import READ, REFUSED

LIMITS = DecodeLimits(max_pixels=100_000_000, max_bytes=64_000_000)
# Most took minutes. None takes a second now.
LONGEST_SECONDS = 30
MOST_MEMORY = 30_000_000


def verdict(data: bytes) -> str | None:
    """Return why a file is refused, None where it is read; hold it to its time."""
    with work_of_at_most(LONGEST_SECONDS):
        try:
            find("garment", 2)(data, (28, 28, 1), LIMITS)
            return None
        except DecodeError as error:
            return str(error)


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_what_would_take_long_is_refused_at_once(name: str) -> None:
    reason = verdict(REFUSED[name]())
    assert reason
    assert "\n" not in reason


@pytest.mark.parametrize("name", READ)
def test_what_only_looks_like_it_is_read_at_once(name: str) -> None:
    assert verdict(READ[name]()) is None


@pytest.mark.parametrize("name", ["empty-comments.jpg", "tiny-tiles.tif", "empty-boxes.heic"])
def test_no_list_of_a_million_parts_is_made(name: str) -> None:
    data = REFUSED[name]()
    tracemalloc.start()
    try:
        verdict(data)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["cut-and-erased.jpg", "cut-and-restarted.jpg"])
def test_ten_times_the_bytes_take_no_hundred_times_as_long(name: str) -> None:
    """Processor time of a whole read, so that other work on the machine hardly counts."""

    def seconds(data: bytes) -> float:
        started = time.process_time()
        for _ in range(3):
            verdict(data)
        return time.process_time() - started

    data = REFUSED[name]()
    short, long = data[: len(data) // 10], data
    assert seconds(long) < 40 * seconds(short) + 1
