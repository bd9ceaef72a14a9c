from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from client.process_time import ProcessTime


def clock(*times: float) -> Callable[[], float]:
    """Return a clock that tells these times, one after the other."""
    left: Iterator[float] = iter(times)
    return lambda: next(left)


def test_one_batch_has_the_time_from_command_to_results() -> None:
    process_time = ProcessTime(10.0, clock(13.0, 14.5))
    process_time.end_batch("G1")
    assert process_time.of_batches(["G1"]) == {"G1": 4.5}


def test_several_batches_share_it_without_counting_any_second_twice() -> None:
    process_time = ProcessTime(0.0, clock(3.0, 5.0, 6.0))
    process_time.end_batch("G1")
    process_time.end_batch("G2")
    assert process_time.of_batches(["G1", "G2"]) == {"G1": 3.0, "G2": 3.0}


@pytest.mark.parametrize(
    ("shown", "seconds"),
    [
        (["G2"], {"G2": 7.0}),
        (["G1"], {"G1": 7.0}),
        (["G1", "G3"], {"G1": 3.0, "G3": 4.0}),
        ([], {}),
    ],
)
def test_a_batch_that_is_not_shown_adds_to_one_that_is(
    shown: list[str], seconds: dict[str, float]
) -> None:
    process_time = ProcessTime(0.0, clock(3.0, 5.0, 6.0, 7.0))
    for batch in ("G1", "G2", "G3"):
        process_time.end_batch(batch)
    assert process_time.of_batches(shown) == seconds
