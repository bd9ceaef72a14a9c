"""Whether a retrained model may take the place of the one that serves: all of it, or it may not.

Both are judged on the same pictures that neither has learnt from. What cannot be measured counts as
failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from fashion_model.dataset.description import DataError
from fashion_model.kept_features import CHOSEN_WITH, MEASURED, KeptFeatures
from fashion_model.metrics import expected_calibration_error
from fashion_model.retraining.costs import seconds_of, size_of
from fashion_model.retraining.paired import allowed_loss, paired_bound
from fashion_model.retraining.reviewed import ReviewedPictures
from scoring.inference.bundle import Bundle
from scoring.inference.head import FloatHead, softmax
from scoring.settings import RetrainSettings

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
GATE_FILE = "gate.json"


@dataclass(frozen=True)
class Check:
    """One condition: what was measured, what was wanted, and whether it is so."""

    name: str
    measured: str
    wanted: str
    passed: bool
    figures: dict[str, float]


@dataclass(frozen=True)
class Verdict:
    """All conditions; ``candidate`` and ``serving`` are versions."""

    candidate: str
    serving: str
    checks: list[Check]

    @property
    def passed(self) -> bool:
        """Return whether each condition is met."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"passed": self.passed, **asdict(self)}

    def figures(self) -> dict[str, float]:
        """Return every figure by its name."""
        return {name: value for check in self.checks for name, value in check.figures.items()}


@dataclass(frozen=True)
class Side:
    """A bundle, what its network makes of the kept pictures, and of the reviewed ones [N, F]."""

    bundle: Bundle
    kept: KeptFeatures
    reviewed: NDArray[np.float32]


@dataclass(frozen=True)
class _Answers:
    """What a bundle says of pictures: the class it names, how sure it is, whom it asks."""

    said: NDArray[np.int64]
    confidence: Floats
    flagged: Flags


@dataclass(frozen=True)
class _Court:
    settings: RetrainSettings
    old: Side
    new: Side
    reviewed: ReviewedPictures


def judge(settings: RetrainSettings, old: Side, new: Side, reviewed: ReviewedPictures) -> Verdict:
    """Hold a candidate against the bundle that serves.

    ``reviewed`` has as held out only what neither has learnt from.
    """
    court = _Court(settings, old, new, reviewed)
    versions = (new.bundle.signature.version, old.bundle.signature.version)
    return Verdict(*versions, [_measured(name, check, court) for name, check in CHECKS.items()])


def _measured(name: str, check: Callable[[_Court], Check], court: _Court) -> Check:
    try:
        return check(court)
    except (DataError, ValueError, IndexError, ZeroDivisionError, RuntimeError) as error:
        return Check(name, f"not measured: {error}", "to be measured", False, {})


def _held_out(court: _Court) -> Check:
    old, new = (side.kept.of(CHOSEN_WITH, MEASURED) for side in (court.old, court.new))
    same = old.held_out == new.held_out and np.array_equal(old.labels, new.labels)
    least = court.settings.held_out_least
    what = "" if same else ", other ones than the serving model's"
    return Check(
        "held-out pictures",
        f"{len(new)}{what}",
        f"the same {least} or more",
        bool(same) and len(new) >= least,
        {"held_out": float(len(new))},
    )


def _accuracy(court: _Court) -> Check:
    old, new, kept = _rights(court)
    lower = paired_bound(old, new, kept.known_people)
    allowed = allowed_loss(len(old), court.settings.loss_at_400, court.settings.loss_at_3000)
    change = float(new.mean()) - float(old.mean())
    return Check(
        "accuracy on those",
        f"{_percent(new.mean())}, {_points(change)}, at worst {_points(lower)}",
        f"at worst {_points(-allowed)}",
        lower >= -allowed,
        {"accuracy_before": float(old.mean()), "accuracy": float(new.mean()), "bound": lower},
    )


def _classes(court: _Court) -> Check:
    old, new, kept = _rights(court)
    change = new.astype(np.float64) - old
    labels = court.new.bundle.signature.labels
    absent = sorted(set(range(len(labels))) - set(kept.labels.tolist()))
    if absent:
        raise DataError(f"there is no picture of {labels[absent[0]]}")
    present = np.unique(kept.labels)
    falls = {int(k): float(change[kept.labels == k].mean()) for k in present}
    worst = min(falls, key=lambda k: falls[k])
    allowed = court.settings.class_loss / 100
    return Check(
        "each class of those",
        f"{labels[worst]} {_points(falls[worst])}",
        f"none below {_points(-allowed)}",
        falls[worst] >= -allowed,
        {"worst_class": falls[worst]},
    )


def _reviewed(court: _Court) -> Check:
    """Exact test of McNemar 1947: of the pictures where they differ, how many each has right."""
    places = court.reviewed.held_out & court.reviewed.has_class
    labels = court.reviewed.labels[places]
    old, new = (
        _answers(side.bundle, side.reviewed[places]).said == labels
        for side in (court.old, court.new)
    )
    lost, gained = int((old & ~new).sum()), int((new & ~old).sum())
    chance = float(binom.sf(lost - 1, lost + gained, 0.5)) if lost else 1.0
    least, limit = court.settings.reviewed_least, court.settings.reviewed_chance
    enough = len(labels) >= least
    return Check(
        "reviewed, not learnt from",
        f"{len(labels)}, {gained} more and {lost} fewer right, chance {chance:.2f}",
        f"{least} or more, not fewer right (chance {limit:.2f} or more)",
        enough and chance >= limit,
        {"reviewed": float(len(labels)), "gained": float(gained), "lost": float(lost)},
    )


def _strangers(court: _Court) -> Check:
    places = ~court.reviewed.has_class
    old, new = (
        int(_answers(side.bundle, side.reviewed[places]).flagged.sum())
        for side in (court.old, court.new)
    )
    count = int(places.sum())
    return Check(
        "strangers that are flagged",
        f"{new} of {count}" if count else "nobody has reviewed one",
        f"{old} or more" if count else "-",
        new >= old,
        {"strangers": float(count), "strangers_flagged": float(new)},
    )


def _calibration(court: _Court) -> Check:
    errors = []
    for side in (court.old, court.new):
        kept = _measured_with(side)
        seen = _answers(side.bundle, kept.features)
        errors.append(expected_calibration_error(seen.confidence, seen.said == kept.labels))
    before, after = errors
    allowed = before + court.settings.calibration_loss / 100
    return Check(
        "calibration error",
        _percent(after),
        f"{_percent(allowed)} at most",
        after <= allowed,
        {"calibration_error_before": before, "calibration_error": after},
    )


def _flagged(court: _Court) -> Check:
    before, after = (
        float(_answers(side.bundle, _measured_with(side).features).flagged.mean())
        for side in (court.old, court.new)
    )
    allowed = before + court.settings.flagged_more / 100
    return Check(
        "flagged",
        _percent(after),
        f"{_percent(allowed)} at most",
        after <= allowed,
        {"flagged_before": before, "flagged": after},
    )


def _latency(court: _Court) -> Check:
    before, after = seconds_of(court.old.bundle, court.new.bundle)
    return Check(
        "time for a picture",
        f"{after / before:.2f} times",
        f"{court.settings.slower:.2f} times at most",
        after <= before * court.settings.slower,
        {"seconds_before": before, "seconds": after},
    )


def _memory(court: _Court) -> Check:
    before, after = (float(size_of(side.bundle)) for side in (court.old, court.new))
    return Check(
        "memory",
        f"{after / before:.2f} times",
        f"{court.settings.larger:.2f} times at most",
        after <= before * court.settings.larger,
        {"bytes_before": before, "bytes": after},
    )


CHECKS: dict[str, Callable[[_Court], Check]] = {
    "held-out pictures": _held_out,
    "accuracy on those": _accuracy,
    "each class of those": _classes,
    "reviewed, not learnt from": _reviewed,
    "strangers that are flagged": _strangers,
    "calibration error": _calibration,
    "flagged": _flagged,
    "time for a picture": _latency,
    "memory": _memory,
}


def _measured_with(side: Side) -> KeptFeatures:
    kept = side.kept.of(MEASURED)
    if not len(kept):
        raise DataError("there is no picture to measure with")
    return kept


def _rights(court: _Court) -> tuple[Flags, Flags, KeptFeatures]:
    """Return what each has right of everything held out, and those pictures."""
    both = [side.kept.of(CHOSEN_WITH, MEASURED) for side in (court.old, court.new)]
    old, new = (
        _answers(side.bundle, kept.features).said == kept.labels
        for side, kept in zip((court.old, court.new), both, strict=True)
    )
    if not len(old) or len(old) != len(new):
        raise DataError("they have different pictures, or none")
    return np.asarray(old, np.bool_), np.asarray(new, np.bool_), both[1]


def _answers(bundle: Bundle, features: NDArray[np.float32]) -> _Answers:
    signature = bundle.signature
    logits, scores = FloatHead(bundle.head).apply(features)
    probabilities = softmax(logits / signature.temperature)
    confidence = probabilities.max(axis=1)
    limits = signature.thresholds
    flagged = (scores > limits.outlier_score) | (confidence < limits.confidence)
    return _Answers(probabilities.argmax(axis=1), confidence, flagged)


def table(verdict: Verdict) -> Iterator[str]:
    """Yield the lines of the verdict as a table."""
    rows = [("", "measured", "wanted")]
    rows += [(check.name, check.measured, check.wanted) for check in verdict.checks]
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    marks = ["   ", *("ok " if check.passed else "NO " for check in verdict.checks)]
    for mark, row in zip(marks, rows, strict=True):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield (mark + "  ".join(cells)).rstrip()


def refusals(verdict: Verdict) -> list[str]:
    """Return a line for each condition that is not met."""
    return [
        f"{check.name}: {check.measured}; wanted: {check.wanted}"
        for check in verdict.checks
        if not check.passed
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _points(change: float) -> str:
    return f"{100 * change:+.2f} points"
