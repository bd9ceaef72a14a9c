"""The picture, SVG by hand: how long each contender takes for the same PNGs, how the cost grows.

Logarithmic scales: the slowest takes a hundred times as long as the fastest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from benchmarks.bench.contract import FLOOR, PROJECT
from benchmarks.bench.results import Results, Row
from benchmarks.bench.table import PARTS

WIDTH, LABELS, ROW, TOP, MARGIN = 760, 330, 22, 34, 12
CHART = 240  # height of the growth
STYLE = """
svg { font: 12px system-ui, sans-serif; }
text { fill: #333; } .axis { stroke: #999; } .other { fill: #8a97a8; } .ours { fill: #1769c0; }
.floor { fill: #4c8c4a; } path { fill: none; stroke-width: 2; }
path.ours { stroke: #1769c0; fill: none; } path.floor { stroke: #4c8c4a; fill: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd; } .axis { stroke: #777; } .other { fill: #8290a3; } .ours { fill: #5ba3ef; }
  .floor { fill: #79b877; } path.ours { stroke: #5ba3ef; } path.floor { stroke: #79b877; }
}
"""


def picture(results: Results) -> str:
    """Return the whole SVG; parts that were not measured are left out."""
    bars = [row for row in results.rows if row.part == "png" and row.rounds]
    lines = [row for row in results.rows if row.part == "growth" and row.rounds]
    body, y = "", 0.0
    if bars:
        drawn, y = _bars(bars)
        body += drawn
    if len({row.images for row in lines}) > 1:
        body += _growth(lines, y)
        y += CHART
    size = f'viewBox="0 0 {WIDTH} {y + MARGIN:g}" role="img"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    title = "<title>Seconds that each contender takes, and how the cost grows</title>"
    return f"{head}{title}<style>{STYLE}</style>{body}</svg>\n"


def _bars(rows: Sequence[Row]) -> tuple[str, float]:
    """Draw a bar each, the fastest first, on a logarithmic scale of seconds."""
    timed = sorted(((row.median("wall") or 0.0, row) for row in rows), key=lambda one: one[0])
    low, high = timed[0][0] / 2, timed[-1][0]
    room = WIDTH - LABELS - 70
    heading = f"{PARTS['png'].format(images=rows[0].images)}: seconds (logarithmic)"
    drawn = _text(MARGIN, 18, heading, "start", weight="bold")
    for place, (seconds, row) in enumerate(timed):
        y = TOP + place * ROW
        length = room * math.log(seconds / low) / math.log(high / low)
        drawn += _text(LABELS - 8, y + 13, _short(row), "end")
        kind = _kind(row)
        drawn += f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{length:.1f}" height="16"/>'
        drawn += _text(LABELS + length + 6, y + 13, f"{seconds:.2f} s", "start")
    return drawn, TOP + len(timed) * ROW + 8.0


def _growth(rows: Sequence[Row], top: float) -> str:
    """Draw seconds over images of the floor and of this project, both scales logarithmic."""
    left, right, bottom = 60.0, WIDTH - 150.0, top + CHART - 30
    times = [row.median("wall") or 0.0 for row in rows]
    images = [row.images for row in rows]

    def x(count: float) -> float:
        return left + (right - left) * _share(count, min(images), max(images))

    def y(seconds: float) -> float:
        return bottom - (bottom - top - 40) * _share(seconds, min(times), max(times))

    drawn = _text(MARGIN, top + 18, "Seconds over images (both logarithmic)", "start", "bold")
    drawn += f'<line class="axis" x1="{left}" y1="{bottom}" x2="{right}" y2="{bottom}"/>'
    for count in sorted(set(images)):
        drawn += _text(x(count), bottom + 16, f"{count:,}", "middle")
    for key, kind in (("floor", "floor"), ("ours", "ours")):
        places = [
            (x(row.images), y(row.median("wall") or 0.0), row)
            for row in rows
            if row.contender.key == key
        ]
        if not places:
            continue
        path = "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down, _ in places)
        drawn += f'<path class="{kind}" d="{path}"/>'
        for across, down, row in places:
            drawn += f'<circle class="{kind}" cx="{across:.1f}" cy="{down:.1f}" r="3"/>'
            # The floor's numbers stand under its line, the project's over it.
            shift = 16 if key == "floor" else -8
            drawn += _text(across, down + shift, f"{row.median('wall'):.2f}", "middle")
        drawn += _text(places[-1][0] + 28, places[-1][1] + 4, _short(places[-1][2]), "start")
    return drawn


def _share(value: float, low: float, high: float) -> float:
    return math.log(value / low) / math.log(high / low) if high > low > 0 else 0.0


def _kind(row: Row) -> str:
    return {FLOOR: "floor", PROJECT: "ours"}.get(row.contender.group, "other")


def _short(row: Row) -> str:
    """Return a name that fits beside a bar."""
    if row.contender.group == FLOOR:
        return "floor"
    if row.contender.group == PROJECT:
        return {"ours": "this project", "cycle": "this project, cold cycle"}[row.contender.key]
    return row.contender.title


def _text(x: float, y: float, text: str, anchor: str, weight: str = "normal") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"'
    return f"<text {place}>{escape(text)}</text>"
