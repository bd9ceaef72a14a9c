"""Pictures of a lesson as SVG: they need no drawing library, and lie in a page or beside a card.

No style and no script: they are shown where the one and the other are forbidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from fashion_model.metrics import CALIBRATION_BINS
from fashion_model.teaching.learning_curve import Point

BLUE, INK, PALE = "#1f5f99", "#222222", "#cccccc"
CELL, MARGIN = 46, 150
SIDE, LEFT, TOP, BOTTOM = 300, 60, 20, 50
LONGEST_LABEL = 20


def confusion_diagram(counts: NDArray[np.int64], labels: Sequence[str]) -> str:
    """Draw ``counts`` [K, K], rows the true classes, as shares of their row."""
    sums = np.maximum(counts.sum(axis=1), 1)
    parts = [_grid(len(labels))]
    # Of hundreds of classes nearly all cells are empty; a page must not carry them.
    for row, column in np.argwhere(counts).tolist():
        share = float(counts[row, column] / sums[row])
        x, y = MARGIN + column * CELL, MARGIN + row * CELL
        parts.append(f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="{BLUE}"'
                     f' fill-opacity="{share:.3f}"/>')  # fmt: skip
        colour = "#ffffff" if share > 0.5 else INK
        parts.append(_text(x + CELL / 2, y + CELL / 2 + 4, str(counts[row, column]), fill=colour))
    for place, label in enumerate(map(_short, labels)):
        middle = MARGIN + place * CELL + CELL / 2
        parts.append(_text(MARGIN - 8, middle + 4, label, anchor="end"))
        turn = f' transform="rotate(-45 {middle:g} {MARGIN - 8})"'
        parts.append(_text(middle, MARGIN - 8, label, anchor="start", more=turn))
    size = MARGIN + len(labels) * CELL + 30
    parts.append(_text(MARGIN + len(labels) * CELL / 2, size - 8, "named", fill=INK))
    return _drawing(size + MARGIN // 2, size, "true classes in rows, named ones in columns", parts)


def reliability_diagram(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> str:
    """Draw how often answers were right, by the confidence they were given with [N]."""
    place = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    parts = [*_axes("confidence", "right"), _line([(0.0, 0.0), (1.0, 1.0)], PALE)]
    width = SIDE / CALIBRATION_BINS
    for number in np.unique(place):
        inside = place == number
        height = SIDE * float(right[inside].mean())
        parts.append(
            f'<rect x="{LEFT + number * width + 1:.1f}" y="{TOP + SIDE - height:.1f}"'
            f' width="{width - 2:.1f}" height="{height:.1f}" fill="{BLUE}" fill-opacity="0.7">'
            f"<title>{int(inside.sum())} pictures</title></rect>"
        )
    return _drawing(LEFT + SIDE + 20, TOP + SIDE + BOTTOM, "how right by confidence", parts)


def curve_diagram(points: Sequence[Point]) -> str:
    """Draw how right heads were that learnt from so many pictures a class."""
    sizes = np.log2([point.size for point in points])
    reach = max(float(sizes[-1] - sizes[0]), 1.0)
    places = [
        (float(size - sizes[0]) / reach, point.accuracy)
        for size, point in zip(sizes, points, strict=True)
    ]
    parts = [*_axes("pictures a class", "right", ticks=False), _line(places, BLUE)]
    for (x, y), point in zip(places, points, strict=True):
        parts.append(f'<circle cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="4" fill="{BLUE}"/>')
        parts.append(_text(_x(x), _y(y) - 10, f"{100 * y:.0f} %"))
        parts.append(_text(_x(x), TOP + SIDE + 18, str(point.size)))
    return _drawing(LEFT + SIDE + 40, TOP + SIDE + BOTTOM, "how right by pictures a class", parts)


def _grid(count: int) -> str:
    end = MARGIN + count * CELL
    places = range(MARGIN, end + 1, CELL)
    lines = [f"M{MARGIN} {place}H{end}M{place} {MARGIN}V{end}" for place in places]
    return f'<path d="{"".join(lines)}" fill="none" stroke="{PALE}"/>'


def _axes(across: str, up: str, ticks: bool = True) -> list[str]:
    parts = [f'<rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none"'
             f' stroke="{PALE}"/>']  # fmt: skip
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(_text(LEFT - 6, _y(share) + 4, f"{100 * share:.0f} %", anchor="end"))
        if ticks:
            parts.append(_text(_x(share), TOP + SIDE + 18, f"{100 * share:.0f} %"))
    parts.append(_text(LEFT + SIDE / 2, TOP + SIDE + 40, across))
    parts.append(
        _text(14, TOP + SIDE / 2, up, more=f' transform="rotate(-90 14 {TOP + SIDE / 2})"')
    )
    return parts


def _line(places: Sequence[tuple[float, float]], colour: str) -> str:
    points = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in places)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _x(share: float) -> float:
    return LEFT + SIDE * share


def _y(share: float) -> float:
    return TOP + SIDE * (1.0 - share)


def _text(
    x: float, y: float, text: str, anchor: str = "middle", fill: str = INK, more: str = ""
) -> str:
    return (f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{fill}"{more}>'
            f"{escape(text)}</text>")  # fmt: skip


def _short(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


def _drawing(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}"'
        f' viewBox="0 0 {width:g} {height:g}" font-family="sans-serif" font-size="12" role="img"'
        f' aria-label="{escape(title)}"><rect width="100%" height="100%" fill="#ffffff"/>'
        f"{''.join(parts)}</svg>\n"
    )
