"""The goals, each with the number it is held against: ratios within one run, or absolute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.bench.results import (
    Results,
    What,
    against_best,
    against_tutorials,
    ratio,
    slope_ratio,
)

Value = Callable[[Results, What], float | None]


@dataclass(frozen=True)
class Target:
    """A goal: at most (or at least) ``limit``; ``value`` finds what was measured, or None."""

    text: str
    limit: float
    unit: str
    value: Value
    at_least: bool = False

    def measured(self, results: Results, what: What = "wall") -> float | None:
        """Return what it comes to by wall time, or by processor time where it is a ratio."""
        return self.value(results, what)

    def met(self, results: Results) -> bool | None:
        """Tell whether it was reached by wall time, None where it was not measured."""
        value = self.measured(results)
        if value is None:
            return None
        return value >= self.limit if self.at_least else value <= self.limit


def _over(part: str, key: str, base: str) -> Value:
    return lambda results, what: ratio(results.row(part, key), results.row(part, base), what)


def _figure(key: str) -> Value:
    return lambda results, what: results.figure(key) if what == "wall" else None


def _largest(results: Results, part: str) -> int:
    return max(results.sizes(part), default=0)


TARGETS = (
    Target(
        "cost of a further image, largest folders, by the floor's",
        1.2,
        "×",
        lambda results, what: slope_ratio(results, "ours", "floor", what),
    ),
    Target("10,000 PNGs, whole command, by the floor", 1.5, "×", _over("png", "ours", "floor")),
    Target("the same, further goal", 1.2, "×", _over("png", "ours", "floor")),
    Target("JPEG folder, by the floor", 1.15, "×", _over("jpeg", "ours", "floor")),
    Target("photographs, 224×224, by the floor", 1.1, "×", _over("photo", "ours", "floor")),
    Target("phone photographs, by the floor", 1.15, "×", _over("phone", "ours", "floor")),
    Target(
        "the original's method, by this project",
        35,
        "×",
        _over("png", "original", "ours"),
        at_least=True,
    ),
    Target(
        "100,000 PNGs, by the fastest server with the same predictor",
        1.15,
        "×",
        lambda results, what: against_best(results, "growth", _largest(results, "growth"), what),
    ),
    Target(
        "10,000 PNGs, by the fastest server with the same predictor",
        1.35,
        "×",
        lambda results, what: against_best(results, "png", _largest(results, "png"), what),
    ),
    Target(
        "the fastest server as its tutorial, by this project",
        3,
        "×",
        lambda results, what: against_tutorials(results, "png", _largest(results, "png"), what),
        at_least=True,
    ),
    Target(
        "ONNX Runtime fp32 in one process, by this project",
        4,
        "×",
        _over("png", "onnx-fp32", "ours"),
        at_least=True,
    ),
    Target("cold cycle of 100 images", 1.0, "s", _figure("cycle")),
    Target("server with one bundle, ready", 0.3, "s", _figure("ready")),
    Target("server with one bundle, memory", 100, "MB", _figure("memory")),
    Target("one image by hand, server up", 0.35, "s", _figure("one")),
    Target("payload of an image, compressed", 620, "bytes", _figure("zlib")),
    Target("payload of an image, raw", 1060, "bytes", _figure("none")),
)
