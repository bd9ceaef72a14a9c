"""Whatever numbers come in, every place lies on the canvas."""

from __future__ import annotations

import itertools
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.monitoring import charts

ANY = st.one_of(st.none(), st.floats(), st.floats(0, 1))
NUMBER = re.compile(r"-?[\d.]+(?:e[+-]?\d+)?")


def places(line: charts.Line) -> list[tuple[float, float]]:
    found = list(line.dots)
    for piece in line.pieces:
        numbers = [float(one) for one in NUMBER.findall(piece)]
        found += list(zip(numbers[::2], numbers[1::2], strict=True))
    return found


@given(st.lists(ANY, max_size=120), st.one_of(st.none(), st.tuples(st.floats(), st.floats())), ANY)
def test_a_line_stays_on_its_canvas(
    values: list[float | None], band: tuple[float, float] | None, limit: float | None
) -> None:
    line = charts.line(values, band=band, limit=limit)
    box = line.box
    for x, y in places(line):
        assert box.left - 0.1 <= x <= box.right + 0.1
        assert box.top - 0.1 <= y <= box.bottom + 0.1
    for across in (*(line.band or ()), *([line.limit] if line.limit is not None else [])):
        assert box.top - 0.1 <= across <= box.bottom + 0.1
    assert all(box.top - 0.1 <= tick.place <= box.bottom + 0.1 for tick in line.ticks)
    assert len(line.ticks) < 10


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=90))
def test_a_line_goes_up_where_the_values_do(values: list[float]) -> None:
    ((path, *_),) = [charts.line(values).pieces]
    numbers = [float(one) for one in NUMBER.findall(path)]
    heights, steps = numbers[1::2], list(itertools.pairwise(values))
    for (before, after), (low, high) in zip(steps, itertools.pairwise(heights), strict=True):
        assert (after - before) * (low - high) >= 0
    assert numbers[::2] == sorted(numbers[::2])


def test_gaps_part_a_line_and_a_point_between_them_is_a_dot() -> None:
    line = charts.line([1, 2, None, 3, math.nan, 4, 5])
    assert len(line.pieces) == 2
    assert len(line.dots) == 2  # the lone 3, and the last


@pytest.mark.parametrize("values", [[], [None], [math.nan, math.inf]])
def test_nothing_to_draw_is_drawn_as_nothing(values: list[float | None]) -> None:
    line = charts.line(values)
    assert (line.pieces, line.dots) == ((), ())


def test_one_point_is_one_dot() -> None:
    line = charts.line([0.5])
    assert line.pieces == ()
    assert len(line.dots) == 1


@given(st.lists(st.tuples(ANY, ANY, ANY), max_size=60))
def test_bars_stay_between_their_names_and_their_figures(
    rows: list[tuple[float | None, float | None, float | None]],
) -> None:
    chart = charts.bars(
        [(f"{place}", value or 0.0, "") for place, (value, _, _) in enumerate(rows)],
        [(low or 0.0, high or 0.0) for _, low, high in rows],
    )
    most = chart.width - chart.start
    for bar in chart.bars:
        assert 0 <= bar.length <= most
        assert 0 <= bar.y < chart.height
        if bar.usual:
            assert all(0 <= one <= most for one in bar.usual)


def test_bars_are_as_long_as_their_values_are_large() -> None:
    chart = charts.bars([("a", 1, ""), ("b", 2, ""), ("c", 0, "")], [None, (0.5, 4), None])
    a, b, c = chart.bars
    assert b.length == pytest.approx(2 * a.length, abs=0.1)
    assert c.length == 0
    assert b.usual is not None
    assert b.usual[1] == pytest.approx(4 * a.length, abs=0.1)


def test_a_thousand_classes_are_a_thousand_rows() -> None:
    chart = charts.bars([(str(place), 1.0, "") for place in range(1000)])
    assert chart.height == 1000 * charts.ROW


@given(st.lists(st.integers(0, 10**12), max_size=40), st.lists(st.integers(0, 10**12), max_size=40))
def test_a_histogram_stays_on_its_canvas(counts: list[int], marked: list[int]) -> None:
    chart = charts.histogram(counts, marked[: len(counts)], 0.9)
    for column in chart.columns:
        assert 0 <= column.marked <= column.height <= chart.box.bottom - chart.box.top + 0.1
        assert chart.box.left <= column.x <= chart.box.right
    assert all(tick.text.replace(",", "").isdigit() for tick in chart.ticks)


def test_the_fullest_bin_is_the_highest() -> None:
    chart = charts.histogram([1, 4, 2], [0, 4, 1])
    heights = [column.height for column in chart.columns]
    assert heights[1] == chart.box.bottom - chart.box.top
    assert chart.columns[1].marked == heights[1]
    assert chart.columns[2].marked == pytest.approx(heights[2] / 2, abs=0.1)


@given(st.lists(ANY, max_size=30))
def test_a_scale_is_never_nothing(values: list[float | None]) -> None:
    low, high = charts.scale_of(values)
    assert math.isfinite(high - low)
    assert low < high
