"""What was found of a model in a run and in those before → what a report says of trusting it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from scoring.monitoring.facts import Alarm, Share, Span, Trust
from scoring.monitoring.history import Figures
from scoring.monitoring.thresholds import Thresholds, words
from scoring.monitoring.words import cut

TEXT = 300

Found = Mapping[str, Any]


def trust_of(
    facts: Found,
    nights: Sequence[Figures],
    found: Mapping[str, Mapping[str, Found]],
    day_of: Callable[[str], str],
) -> Trust | None:
    """Return how far one version of a model can be believed; None where nothing was estimated.

    Args:
        facts: what was found of it tonight.
        nights: its figures, night by night, the last one tonight's.
        found: what was found in those runs, by run and version.
        day_of: the day of any run, also of one long before those nights.
    """
    estimate = facts.get("estimate")
    if not estimate:
        return None
    judged = facts.get("audited")
    thresholds = Thresholds.from_json(facts.get("thresholds") or {})
    seen = [_seen(one, found) for one in nights]
    tonight = nights[-1].run.id
    return Trust(
        why_not=cut(estimate["why"], TEXT),
        unlike=bool(estimate.get("unlike")),
        spans=tuple(_spans(facts, estimate)),
        combined=facts.get("combined"),
        waiting=judged["waiting"] if judged else 0,
        alarms=tuple(_alarms(facts.get("drift") or {}, day_of, tonight)),
        thresholds=words(thresholds),
        retrain=thresholds.advised,
        trend_nights=tuple(one.night for one in nights),
        trend=tuple(_shorter(_share(one)) if one and one["valid"] else None for one in seen),
        trend_judged=tuple(_judged(one) for one in nights),
    )


def _spans(facts: Found, estimate: Found) -> Iterator[Span]:
    valid = bool(estimate["valid"])
    second = estimate["second"] if valid else None
    yield Span(1, int(valid), _share(estimate) if valid else None, second)
    for nights, one in sorted(facts.get("nights", {}).items(), key=lambda item: int(item[0])):
        judged, found = one["audited"], one["estimate"]
        yield Span(
            int(nights),
            one["valid_nights"],
            _share(found),
            found["second"] if found else None,
            _share(judged),
            judged["judged"] if judged else 0,
        )


def _alarms(drift: Found, day_of: Callable[[str], str], tonight: str) -> Iterator[Alarm]:
    for one in drift.values():
        if one["alarm"]:
            yield Alarm(one["words"], day_of(one["since"]), is_new=one["since"] == tonight)


def _seen(night: Figures, found: Mapping[str, Mapping[str, Found]]) -> Found | None:
    """Return what was estimated in a run, of the version that it had."""
    of_run = found.get(night.run.id, {})
    told = [of_run[version].get("estimate") for version in sorted(night.versions & of_run.keys())]
    return next((one for one in told if one), None)


def _judged(night: Figures) -> float | None:
    told = [row.estimate.get("audited") for row in night.rows]
    return next((float(f"{one:.4g}") for one in told if one is not None), None)


def _share(found: Found | None) -> Share | None:
    return Share(found["value"], found["low"], found["high"]) if found else None


def _shorter(share: Share | None) -> Share | None:
    """Return it with the digits that a chart can show."""
    if share is None:
        return None
    return Share(*(float(f"{value:.4g}") for value in (share.value, share.low, share.high)))
