"""The seconds that half of the decisions take at most, and nearly all."""

from __future__ import annotations

from desk.thinking_time import ThinkingTime


def test_figures_of_one_and_of_all() -> None:
    times = ThinkingTime()
    assert times.of_all() is None
    times.add_all([("Ana", 2.0), ("Ben", 9.0), ("Ana", 1.0)])
    for seconds in (3.0, 4.0, 100.0):
        times.add("Ana", seconds)
    times.add("Ana", None)
    mine, everybody = times.of("Ana"), times.of_all()
    assert mine is not None
    assert (mine.count, mine.p50, mine.p95) == (5, 3.0, 4.0)
    assert everybody is not None
    assert (everybody.count, everybody.p50, everybody.p95) == (6, 3.0, 9.0)
    assert times.of("Cleo") is None
    assert str(mine) == "3.0 s a decision, 19 in 20 within 4.0 s"
