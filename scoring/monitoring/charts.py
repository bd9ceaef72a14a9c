"""The geometry of the report's charts: numbers in, places on a small canvas out.

The macros in ``templates/charts.html`` draw what these say. A canvas is as wide as a telephone
shows it, so that its letters keep their size; what is no number leaves a gap. Whatever comes in,
every place lies on the canvas and is finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeGuard

from msgspec import Struct

WIDTH = 340.0
ROW = 24.0
LABELS = 116.0
VALUES = 48.0

LINE_HEIGHT = 132.0
LEFT, RIGHT, TOP, BOTTOM = 38.0, 6.0, 10.0, 22.0
# Of one of many small lines.
SMALL_WIDTH, SMALL_HEIGHT, SMALL_EDGE = 150.0, 44.0, 4.0

LARGEST = 1e300

TICK_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


class Bar(Struct, frozen=True):
    """One row: ``length`` of the bar, ``usual`` from–to of the band behind it (None: no band)."""

    label: str
    text: str
    y: float
    length: float
    usual: tuple[float, float] | None
    odd: bool


class Bars(Struct, frozen=True):
    """Rows below one another, all from the same zero."""

    bars: tuple[Bar, ...]
    height: float
    width: float = WIDTH
    start: float = LABELS


class Tick(Struct, frozen=True):
    """A line across the canvas, with what it stands for."""

    place: float
    text: str


class Box(Struct, frozen=True):
    """A canvas, and the part of it that values are drawn in."""

    width: float
    height: float
    left: float
    top: float
    right: float
    bottom: float


class Line(Struct, frozen=True):
    """A line over runs, with a band behind it and a limit across it where there are such.

    ``pieces`` are SVG paths, one for each stretch without a gap; ``dots`` are single points between
    gaps, and always the last one.
    """

    pieces: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    band: tuple[float, float] | None
    limit: float | None
    ticks: tuple[Tick, ...]
    box: Box


class Banded(Struct, frozen=True):
    """A line over runs with its own band: ``bands`` are SVG areas, ``marks`` other points."""

    line: Line
    bands: tuple[str, ...]
    marks: tuple[tuple[float, float], ...]


class Column(Struct, frozen=True):
    """One column of a histogram; ``marked`` is the height of its lower, marked part."""

    x: float
    height: float
    marked: float


class Histogram(Struct, frozen=True):
    """Columns beside one another over the range from 0 to 1; ``limit`` is a line upwards."""

    columns: tuple[Column, ...]
    column_width: float
    limit: float | None
    ticks: tuple[Tick, ...]
    box: Box


def bars(
    rows: Sequence[tuple[str, float, str]],
    usual: Sequence[tuple[float, float] | None] = (),
    odd: Sequence[bool] = (),
) -> Bars:
    """Return the places of (label, value, text of the value) rows; values below 0 are 0."""
    bands = [_band(one) for one in usual] or [None] * len(rows)
    values = [_known(value) for _, value, _ in rows]
    most = max([*values, *(band[1] for band in bands if band), 0.0])

    def length(value: float) -> float:
        # The share first: it is finite however small or large the numbers are.
        return _round(value / most * (WIDTH - LABELS - VALUES)) if most > 0 else 0.0

    placed = tuple(
        Bar(
            label,
            text,
            place * ROW,
            length(values[place]),
            _each(length, bands[place]),
            bool(odd[place]) if odd else False,
        )
        for place, (label, _, text) in enumerate(rows)
    )
    return Bars(placed, max(len(rows), 1) * ROW)


def line(
    values: Sequence[float | None],
    *,
    band: tuple[float, float] | None = None,
    limit: float | None = None,
    scale: tuple[float, float] | None = None,
    small: bool = False,
    tick_text: Callable[[float], str] = "{:g}".format,
) -> Line:
    """Return the places of one value a run, the oldest first.

    Args:
        values: one of each run; None and what is no number leave a gap.
        band: from–to that lies behind the line.
        limit: a line across.
        scale: from where to where it goes; by default from 0 to what there is.
        small: one of many, without ticks.
        tick_text: how a tick's value is written.
    """
    known = [value if _is_number(value) else None for value in values]
    band = band if band and all(map(_is_number, band)) else None
    limit = limit if _is_number(limit) else None
    low, high = scale or scale_of([*known, *(band or ()), limit], from_zero=True)
    box = _box(small)

    def y(value: float) -> float:
        return _height(value, (low, high), box)

    step = _step(box, len(known))
    places = [
        None if value is None else (_round(box.left + place * step), y(value))
        for place, value in enumerate(known)
    ]
    pieces = _pieces(places)
    single = [piece[0] for piece in pieces if len(piece) == 1]
    last = [places[-1]] if places and places[-1] else []
    return Line(
        tuple(_path(piece) for piece in pieces if len(piece) > 1),
        tuple(dict.fromkeys([*single, *(one for one in last if one)])),
        (y(band[1]), y(band[0])) if band else None,
        None if limit is None else y(limit),
        () if small else tuple(Tick(y(one), tick_text(one)) for one in _ticks(low, high, 3)),
        box,
    )


def banded(
    values: Sequence[tuple[float, float, float] | None],
    marks: Sequence[float | None] = (),
    *,
    tick_text: Callable[[float], str] = "{:g}".format,
) -> Banded:
    """Return the places of one value a run with its own interval: (value, low, high), or None.

    ``marks`` are other values of the same runs, as points.
    """
    numbers = [one if one and all(map(_is_number, one)) else None for one in values]
    points = [one if _is_number(one) else None for one in marks]
    every = [number for one in numbers if one for number in one]
    scale = scale_of([*every, *points], most=1.0)
    drawn = line([one[0] if one else None for one in numbers], scale=scale, tick_text=tick_text)
    box, step = drawn.box, _step(drawn.box, len(numbers))

    def y(value: float) -> float:
        return _height(value, scale, box)

    def x(place: int) -> float:
        return _round(box.left + place * step)

    edges = [(x(place), one) for place, one in enumerate(numbers) if one]
    runs = _pieces([(x(place), 0.0) if one else None for place, one in enumerate(numbers)])
    at = dict(edges)
    areas = [
        _path([(x_, y(at[x_][2])) for x_, _ in run] + [(x_, y(at[x_][1])) for x_, _ in run[::-1]])
        + "Z"
        for run in runs
        if len(run) > 1
    ]
    dots = [(x(place), y(one)) for place, one in enumerate(points) if one is not None]
    return Banded(drawn, tuple(areas), tuple(dots))


def _height(value: float, scale: tuple[float, float], box: Box) -> float:
    """Return how far down a value lies; what is off the scale lies at its end."""
    low, high = scale
    share = (min(max(value, low), high) - low) / (high - low)
    return _round(box.bottom - share * (box.bottom - box.top))


def _step(box: Box, count: int) -> float:
    return (box.right - box.left) / max(count - 1, 1)


def _box(small: bool) -> Box:
    if small:
        right, bottom = SMALL_WIDTH - SMALL_EDGE, SMALL_HEIGHT - SMALL_EDGE
        return Box(SMALL_WIDTH, SMALL_HEIGHT, SMALL_EDGE, SMALL_EDGE, right, bottom)
    return Box(WIDTH, LINE_HEIGHT, LEFT, TOP, WIDTH - RIGHT, LINE_HEIGHT - BOTTOM)


def histogram(
    counts: Sequence[int], marked: Sequence[int] = (), limit: float | None = None
) -> Histogram:
    """Return the places of counts over equal bins from 0 to 1; ``marked`` are some of each."""
    box = _box(small=False)
    tall, wide = box.bottom - box.top, box.right - box.left
    most = max([*counts, 1])
    width = wide / max(len(counts), 1)
    some = [*marked, *[0] * (len(counts) - len(marked))]

    def height(number: int) -> float:
        return _round(max(number, 0) / most * tall)

    columns = tuple(
        Column(_round(box.left + place * width), height(number), height(min(some[place], number)))
        for place, number in enumerate(counts)
    )
    at = None
    if limit is not None and _is_number(limit):
        at = _round(box.left + min(max(limit, 0.0), 1.0) * wide)
    ticks = tuple(
        Tick(_round(box.bottom - value / most * tall), f"{value:,.0f}")
        for value in _ticks(0.0, float(most), 3)
        if value == int(value)
    )
    return Histogram(columns, _round(width), at, ticks, box)


def scale_of(
    values: Sequence[float | None], *, from_zero: bool = False, most: float = math.inf
) -> tuple[float, float]:
    """Return from where to where a scale of these values goes; never nothing.

    It begins at 0 where that is wanted, and goes no further than ``most``.
    """
    known = [value for value in values if value is not None and _is_number(value)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if from_zero:
        low = min(low, 0.0)
    margin = (high - low) * 0.08 or abs(high) * 0.05 or 0.5
    high = max(min(high + margin, most), high)
    low = low - margin if low < 0 or not from_zero else low
    # Numbers too large for their differences.
    if not math.isfinite(high - low) or high <= low:
        return -LARGEST, LARGEST
    return low, high


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Return round numbers within a range, about so many."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return []
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next((power * one for one in TICK_STEPS if span / (power * one) <= about), power * 10)
    if step <= 0 or low + step == low:
        return []
    first = math.ceil(low / step - 1e-9)
    return [round(place * step, 12) for place in range(first, math.floor(high / step + 1e-9) + 1)]


def _pieces(
    places: Sequence[tuple[float, float] | None],
) -> list[list[tuple[float, float]]]:
    pieces: list[list[tuple[float, float]]] = [[]]
    for place in places:
        if place is not None:
            pieces[-1].append(place)
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _path(piece: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in piece)


def _band(band: tuple[float, float] | None) -> tuple[float, float] | None:
    if band is None or not all(map(_is_number, band)):
        return None
    low, high = sorted((max(band[0], 0.0), max(band[1], 0.0)))
    return low, high


def _each(
    length: Callable[[float], float], band: tuple[float, float] | None
) -> tuple[float, float] | None:
    return None if band is None else (length(band[0]), length(band[1]))


def _known(value: float | None) -> float:
    return max(value, 0.0) if value is not None and _is_number(value) else 0.0


def _is_number(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _round(place: float) -> float:
    return round(place, 1)
