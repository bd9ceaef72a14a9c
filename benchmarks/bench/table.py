"""The table that is printed and stands in docs/performance.md, and the JSON beside it."""

from __future__ import annotations

import dataclasses
import os
import platform
from collections.abc import Iterator
from typing import Any

from benchmarks.bench.results import Results, Row, ratio
from benchmarks.bench.targets import TARGETS, Target

NOTHING = "–"
PARTS = {
    "png": "{images:,} PNGs of 28×28, fashion_model",
    "jpeg": "{images:,} JPEG product pictures, 800×760, fashion_model",
    "photo": "{images:,} JPEG product pictures, 800×760, models/clothing (224×224)",
    "phone": "{images:,} JPEG photographs, 12 megapixels, models/clothing",
    "growth": "{images:,} PNGs of 28×28, fashion_model (growth)",
}
HEAD = (
    "| contender | s | × floor | processor s | × floor | MB client | MB server | same labels |\n"
    "|---|---|---|---|---|---|---|---|\n"
)


def table(results: Results, about: dict[str, Any]) -> str:
    """Return everything as Markdown; medians of the rounds, ratios round by round."""
    lines = [
        f"{about['cores']} cores, {about['rounds']} rounds in turns,"
        f" load {about['load_before']:.1f} before and {about['load_after']:.1f} after.\n"
    ]
    for heading, rows in headings(results):
        lines.append(f"\n**{heading}**\n\n{HEAD}")
        lines += [_line(row, rows[0]) for row in rows]
    if results.figures:
        lines.append("\n**Start**\n\n| what | median | least | most |\n|---|---|---|---|\n")
        lines += [
            f"| {one.text} | {one.median:.2f} {one.unit} | {min(one.values):.2f} |"
            f" {max(one.values):.2f} |\n"
            for one in results.figures
        ]
    lines += [
        "\n**Goals**\n\n| goal | wanted | measured | by processor time | |\n|---|---|---|---|---|\n"
    ]
    lines += [_goal(target, results) for target in TARGETS]
    return "".join(lines)


def as_json(results: Results, about: dict[str, Any]) -> dict[str, Any]:
    """Return everything that was measured, each round of it."""
    return {
        "about": about,
        "rows": [
            {
                "part": row.part,
                "images": row.images,
                "contender": row.contender.key,
                "title": row.contender.title,
                "group": row.contender.group,
                "rounds": [dataclasses.asdict(one) for one in row.rounds],
                "agreement": row.agreement,
                "error": row.error,
            }
            for row in results.rows
        ],
        "figures": [dataclasses.asdict(one) for one in results.figures],
        "targets": [
            {
                "text": target.text,
                "limit": target.limit,
                "at_least": target.at_least,
                "unit": target.unit,
                "measured": target.measured(results),
                "by_processor": target.measured(results, "processor"),
                "met": target.met(results),
            }
            for target in TARGETS
        ],
    }


def about(rounds: int, load_before: float) -> dict[str, Any]:
    """Return what must be known of a run to read its numbers."""
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "rounds": rounds,
        "load_before": load_before,
        "load_after": load(),
    }


def load() -> float:
    """Return the machine's load of the last minute, 0 where the system has no such number."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def _line(row: Row, floor: Row) -> str:
    name = f"{row.contender.group}: {row.contender.title}"
    if not row.rounds:
        return f"| {name} | {_cell(row.error or NOTHING)} |||||||\n"
    cells = [
        _number(row.median("wall")),
        _number(ratio(row, floor)),
        _number(row.median("processor")),
        _number(ratio(row, floor, "processor")),
        _number(row.median("client_megabytes"), 0),
        _number(row.median("server_megabytes") or None, 0),
        NOTHING if row.agreement is None else f"{100 * row.agreement:.2f} %",
    ]
    broken = f" (then: {_cell(row.error)})" if row.error else ""
    return f"| {name}{broken} | {' | '.join(cells)} |\n"


def _goal(target: Target, results: Results) -> str:
    measured = _told(target.measured(results), target)
    processor = _told(target.measured(results, "processor"), target)
    met = target.met(results)
    sign = "≥" if target.at_least else "≤"
    told = {True: "met", False: "**not met**", None: "not measured"}[met]
    wanted = f"{sign} {target.limit:,g} {target.unit}"
    return f"| {target.text} | {wanted} | {measured} | {processor} | {told} |\n"


def _told(value: float | None, target: Target) -> str:
    return NOTHING if value is None else f"{value:,.2f} {target.unit}"


def _number(value: float | None, digits: int = 2) -> str:
    return NOTHING if value is None else f"{value:,.{digits}f}"


def _cell(text: str) -> str:
    """Return text that stays within a cell of Markdown."""
    return " ".join(text.replace("|", "/").split())[-300:]


def headings(results: Results) -> Iterator[tuple[str, list[Row]]]:
    """Yield each table's heading and rows."""
    for part, images in dict.fromkeys((row.part, row.images) for row in results.rows):
        rows = [row for row in results.rows if (row.part, row.images) == (part, images)]
        yield PARTS[part].format(images=images), rows
