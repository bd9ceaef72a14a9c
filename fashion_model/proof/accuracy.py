"""Is the estimate of accuracy true where it is called valid, and called so where it may be?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fashion_model.proof.cott import Transport
from fashion_model.proof.nights import Outputs, Shift
from scoring.monitoring import drift
from scoring.monitoring.accuracy import Estimate, Estimator, beyond_trust
from scoring.protocol.reference import Reference

CLEAN_NIGHTS, SHIFTED_NIGHTS = 1_000, 40
SIZES = (300, 1_000)
OF_A_SHIFT = 1_000
SEED = 0
# Points that a shift costs from which on an estimate that does not see it misleads.
COSTLY = 5


@dataclass(frozen=True)
class Verdict:
    """An estimate beside the truth of one night; ``valid`` by that night alone.

    ``transport`` is the other second opinion, which is not served.
    """

    estimate: Estimate
    truth: float
    valid: bool
    transport: float

    @property
    def error(self) -> float:
        return self.estimate.value - self.truth

    @property
    def holds(self) -> bool:
        """Return whether the truth lies within the interval."""
        return self.estimate.low <= self.truth <= self.estimate.high


class Judge:
    """Estimates nights as a run's end does, and knows their truth."""

    def __init__(self, reference: Reference, classes: int, strange_above: float) -> None:
        self._reference = reference
        self._above = strange_above
        self._estimator = Estimator(reference, classes, strange_above)
        self._transport = Transport(reference, classes)

    def judge(self, night: Outputs) -> Verdict:
        """Return the estimate of a night, and whether it would be called valid."""
        seen = night.night
        estimate = self._estimator.estimate(seen.predicted, seen.confidence, seen.outlier_score)
        assert estimate
        look = drift.look(self._reference, seen, self._above)
        tests = look.tests
        strangers = float((seen.outlier_score > self._above).mean())
        beyond = beyond_trust(
            tests["confidence"].shift,
            tests["outlier_score"].shift,
            strangers - self._estimator.usual_strangers(len(seen)),
            look.apart,
        )
        transport = self._transport.estimate(seen, self._estimator.known(seen.outlier_score))
        return Verdict(estimate, night.accuracy, not beyond, transport)

    def judge_many(self, outputs: Outputs, nights: int, size: int) -> list[Verdict]:
        """Return the verdicts on so many nights of ``size`` images drawn from the outputs."""
        random = np.random.default_rng(SEED)
        return [self.judge(outputs.draw(size, random)) for _ in range(nights)]


def tables(judge: Judge, clean: Outputs, shifts: list[Shift]) -> Iterator[str]:
    """Yield the lines of the proof, as Markdown."""
    yield from _clean_nights(judge, clean)
    yield ""
    yield from _shifted_nights(judge, clean, shifts)


def _clean_nights(judge: Judge, clean: Outputs) -> Iterator[str]:
    every = judge.judge(clean)
    yield (
        f"All {len(clean):,} unseen images: {_points(every.truth)} % right, estimated"
        f" {_points(every.estimate.value)} % ({_points(every.estimate.low)} to"
        f" {_points(every.estimate.high)}), second opinion {_points(every.estimate.second)} %, by"
        f" transport {_points(every.transport)} %."
    )
    yield ""
    yield (
        "| images a night | nights | valid | truth within the interval | mean error"
        " | mean absolute error | of the second opinion | of transport |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for size in SIZES:
        found = judge.judge_many(clean, CLEAN_NIGHTS, size)
        errors = np.array([one.error for one in found])
        second = np.array([one.estimate.second - one.truth for one in found])
        transport = np.array([one.transport - one.truth for one in found])
        yield (
            f"| {size:,} | {CLEAN_NIGHTS:,} | {100 * _share(one.valid for one in found):.1f} %"
            f" | {100 * _share(one.holds for one in found):.1f} % | {100 * errors.mean():+.2f}"
            f" | {100 * np.abs(errors).mean():.2f} | {100 * np.abs(second).mean():.2f}"
            f" | {100 * np.abs(transport).mean():.2f} |"
        )


def _shifted_nights(judge: Judge, clean: Outputs, shifts: list[Shift]) -> Iterator[str]:
    yield (
        "| shift | strength | costs | valid | estimate - truth | second - truth"
        " | transport - truth |"
    )
    yield "|---|---|---|---|---|---|---|"
    errors: list[float] = []
    opinions = _Opinions()
    wrong, doubted = [], []
    for one in shifts:
        cost = 100 * (clean.accuracy - one.outputs.accuracy)
        found = judge.judge_many(one.outputs, SHIFTED_NIGHTS, OF_A_SHIFT)
        valid = [verdict for verdict in found if verdict.valid]
        errors += [abs(100 * verdict.error) for verdict in valid]
        wrong += [one.kind for v in valid if cost >= COSTLY and abs(100 * v.error) > 3]
        if cost < 2:
            doubted.append(1 - len(valid) / len(found))
        error = 100 * float(np.mean([verdict.error for verdict in found]))
        second, transport = opinions.hear(cost, found)
        yield (
            f"| {one.kind} | {one.strength} | {cost:.1f} | {100 * len(valid) / len(found):.0f} %"
            f" | {error:+.1f} | {second:+.1f} | {transport:+.1f} |"
        )
    yield ""
    yield (
        f"Of the nights called valid the mean absolute error is {np.mean(errors):.2f} points, the"
        f" largest {max(errors):.1f}. Of shifts that cost 5 points or more {len(wrong)} valid"
        f" nights were estimated more than 3 points wrong; of those that cost less than 2"
        f" {100 * (1 - np.mean(doubted)):.1f} % of the nights were called valid."
    )
    yield ""
    yield from opinions.told()


class _Opinions:
    """How wrong both second opinions are: of nights called valid, and of all that cost points."""

    def __init__(self) -> None:
        self._valid: list[tuple[float, float]] = []
        self._costly: list[tuple[float, float]] = []

    def hear(self, cost: float, found: list[Verdict]) -> tuple[float, float]:
        """Return the mean errors of both, in points."""
        errors = [
            (100 * (one.estimate.second - one.truth), 100 * (one.transport - one.truth))
            for one in found
        ]
        self._valid += [both for both, one in zip(errors, found, strict=True) if one.valid]
        if cost >= COSTLY:
            self._costly += errors
        second, transport = np.mean(errors, axis=0)
        return float(second), float(transport)

    def told(self) -> Iterator[str]:
        """Yield the lines that compare them."""
        yield "| mean absolute error, points | second opinion | transport |"
        yield "|---|---|---|"
        told = {"nights called valid": self._valid, f"shifts of {COSTLY} or more": self._costly}
        for name, errors in told.items():
            second, transport = np.abs(errors).mean(axis=0)
            yield f"| {name} | {second:.2f} | {transport:.2f} |"


def _share(values: Iterator[bool]) -> float:
    return float(np.mean(list(values)))


def _points(share: float) -> str:
    return f"{100 * share:.2f}"
