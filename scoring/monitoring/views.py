"""The facts as a page shows them: figures with their words, charts with their tables."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from scoring.monitoring import charts
from scoring.monitoring.differences import Say, usual_range
from scoring.monitoring.facts import ClassFacts, Measure, ModelFacts, ReportFacts
from scoring.monitoring.trust_views import TrustView, trust_view
from scoring.monitoring.trust_views import figure as trust_figure
from scoring.monitoring.words import (
    amount,
    clock,
    count,
    cut,
    days,
    for_review,
    listed,
    number_of,
    percent,
    seconds,
    short_day,
    wants_a_person,
)
from scoring.protocol.commands import command

# Classes whose confidence is drawn over time; the table has no more either.
TRENDS_SHOWN = 12
# Characters of a class's name beside its bar.
BAR_NAME = 16


class FigureView(Struct, frozen=True):
    """One figure of the first screen, with what was usual beside it."""

    name: str
    value: str
    beside: str = ""
    person: bool = False


class TrendView(Struct, frozen=True):
    """One class over the runs."""

    label: str
    now: str
    words: str
    chart: charts.Line


class ModelView(Struct, frozen=True):
    """One model's charts and the tables behind them; ``has_seen``: there is something in them."""

    name: str
    by: str
    has_seen: bool
    has_usual: bool
    classes_chart: charts.Bars
    classes_words: str
    classes_table: list[tuple[str, ...]]
    more_classes: int
    histogram_chart: charts.Histogram
    histogram_words: str
    histogram_caption: str
    histogram_table: list[tuple[str, ...]]
    trust: TrustView | None
    trends: list[TrendView]
    trend_span: str
    trend_scale: str
    trend_head: list[str]
    trend_table: list[list[str]]


class SpeedView(Struct, frozen=True):
    """Pictures a second over the runs."""

    chart: charts.Line
    words: str
    first: str
    last: str
    table: list[tuple[str, str]]


def when(facts: ReportFacts) -> str:
    """Return the line above the verdict: which night, from when to when, which batches."""
    run = facts.run
    day = f"Night of {days(run.nights)}" if run.nights else f"By hand on {_day_of(facts)}"
    parts = [day]
    if run.state != "missed":
        ended = f" to {clock(run.finished_at)}" if run.finished_at else ""
        at = f" on {short_day(run.started_at.date())}" if _is_another_day(facts) else ""
        parts.append(f"{clock(run.started_at)}{ended}{at}")
    if facts.batches:
        parts.append(listed([batch.name for batch in facts.batches], 4))
    return " · ".join(parts)


def _whole(value: float | None) -> str:
    return count(round(value or 0))


def _day_of(facts: ReportFacts) -> str:
    return days([facts.run.started_at.date()])


def _is_another_day(facts: ReportFacts) -> bool:
    nights = facts.run.nights
    return bool(nights) and facts.run.started_at.date() != nights[-1]


def figures(facts: ReportFacts) -> list[FigureView]:
    """Return the figures of the first screen; none of a run that had no pictures."""
    totals = facts.totals
    if not totals.images:
        return []
    main = facts.models[0].measures if len(facts.models) == 1 else ()
    parts = (percent(totals.flagged / totals.images), _usual(main, "flagged"))
    share = ", ".join(filter(None, parts)) if totals.flagged or parts[1] else ""
    found = [
        FigureView("pictures", count(totals.images), _usual(facts.measures, "images", _whole)),
        FigureView("want a person", count(totals.flagged), share, person=totals.flagged > 0),
        FigureView("not read", count(totals.failed), person=totals.failed > 0),
    ]
    if totals.waiting:
        found.append(FigureView("wait for the next run", count(totals.waiting), person=True))
    trust = facts.models[0].trust if len(facts.models) == 1 else None
    if trust:
        found.append(FigureView(*trust_figure(trust)))
    if totals.mean_confidence is not None:
        usual = _usual(main, "confidence") or "how sure, not how right"
        found.append(FigureView("mean confidence", percent(totals.mean_confidence), usual))
    if totals.seconds is not None:
        speed = f"{amount(totals.images / totals.seconds)} a second" if totals.seconds else ""
        found.append(FigureView("in all", seconds(totals.seconds), speed))
    return found


def _usual(measures: Sequence[Measure], name: str, said: Say = percent) -> str:
    return next((usual_range(one, said) for one in measures if one.name == name), "")


def look_words(facts: ReportFacts, shown: int) -> str:
    """Say how many there are in all, and where."""
    # Several reasons of one picture have "; " between them, which the sentence has for itself.
    reasons = [f"{count(n)} × {why.replace('; ', ' and ')}" for why, n in facts.reasons]
    why = f" ({', '.join(reasons[:4])})" if reasons else ""
    wanted = facts.totals.flagged
    unread = " What could not be read is listed below." if facts.totals.failed else ""
    if not wanted:
        return unread.strip()
    where = "on the desk, and in Results.csv in the column Review"
    most = "the least certain of each kind first; " if shown < wanted else ""
    them = "it is" if wanted == 1 else "all of them are"
    return f"{wants_a_person(wanted)}{why}; {most}{them} {where}.{unread}"


def desk_words(facts: ReportFacts) -> str:
    """Say what of the run waits on the desk, in the desk's own words; "" for nothing."""
    waits = for_review(facts.totals.flagged, facts.drawn)
    return f"For review on the desk ({command('desk')}): {waits}." if waits else ""


def closing(facts: ReportFacts) -> str:
    """Return the line at the foot: which run and which models."""
    models = [f"{model.name} {model.version[:12]}" for model in facts.models]
    by = f" · {number_of(len(models), 'model')}: {listed(models, 4)}" if models else ""
    return f"Run {facts.run.id}, {facts.run.state}{by}"


# One model


def model_view(model: ModelFacts) -> ModelView:
    """Return one model's part of the page."""
    trending = _trending(model)
    trends, scale = _trends(trending)
    return ModelView(
        name=model.name,
        by=f", by {model.name} {model.version[:12]}",
        has_seen=any(model.histogram) or bool(trends),
        has_usual=any(one.share.low is not None for one in model.classes),
        classes_chart=_classes_chart(model.classes),
        classes_words=_classes_words(model.classes),
        classes_table=[_class_row(one) for one in model.classes],
        more_classes=model.more_classes,
        histogram_chart=charts.histogram(model.histogram, model.flagged_histogram, model.limit),
        histogram_words=_histogram_words(model),
        histogram_caption=_histogram_caption(model),
        histogram_table=_histogram_table(model),
        trust=trust_view(model.trust) if model.trust else None,
        trends=trends,
        trend_span=f"last {number_of(len(model.trend_nights), 'run')}",
        trend_scale=f"{percent(scale[0])} to {percent(scale[1])}",
        trend_head=["Run", *(cut(one.label, 24) for one in trending)],
        trend_table=_trend_table(model, trending),
    )


def _classes_chart(classes: Sequence[ClassFacts]) -> charts.Bars:
    rows = [
        (cut(one.label, BAR_NAME), one.share.value, percent(one.share.value)) for one in classes
    ]
    usual = [_band(one.share) for one in classes]
    return charts.bars(rows, usual, [bool(one.share.odd) for one in classes])


def _band(measure: Measure) -> tuple[float, float] | None:
    if measure.low is None or measure.high is None:
        return None
    return measure.low, measure.high


def _classes_words(classes: Sequence[ClassFacts]) -> str:
    most = sorted(classes, key=lambda one: -one.count)[:3]
    names = listed([f"{one.label} {percent(one.share.value)}" for one in most])
    return f"Most frequent: {names}." if names else "No picture was scored."


def _class_row(one: ClassFacts) -> tuple[str, ...]:
    usual = usual_range(one.share).removeprefix("usually ") or "–"
    return (
        one.label,
        count(one.count),
        percent(one.share.value),
        usual,
        percent(one.mean_confidence),
    )


def _histogram_words(model: ModelFacts) -> str:
    high = sum(model.histogram[-2:])
    return (
        f"{count(high)} of {count(sum(model.histogram))} pictures have a confidence of 90 % or"
        f" more; {count(sum(model.flagged_histogram))} want a person."
    )


def _histogram_caption(model: ModelFacts) -> str:
    if model.limit is None:
        return _histogram_words(model)
    return f"{_histogram_words(model)} Below {percent(model.limit)} it asks for one."


def _histogram_table(model: ModelFacts) -> list[tuple[str, ...]]:
    bins = len(model.histogram)
    return [
        (f"{100 * place // bins} to {100 * (place + 1) // bins} %", count(number), count(marked))
        for place, (number, marked) in enumerate(
            zip(model.histogram, model.flagged_histogram, strict=True)
        )
        if number
    ]


def _trending(model: ModelFacts) -> list[ClassFacts]:
    """Return the classes to draw over time: the most frequent ones, in their order."""
    if len(model.trend_nights) < 2:
        return []
    seen = [one for one in model.classes if any(value is not None for value in one.trend)]
    kept = sorted(seen, key=lambda one: -one.count)[:TRENDS_SHOWN]
    return [one for one in seen if one in kept]


def _trends(classes: Sequence[ClassFacts]) -> tuple[list[TrendView], tuple[float, float]]:
    values = [value for one in classes for value in (*one.trend, one.threshold)]
    scale = charts.scale_of(values, most=1.0)
    scale = (max(scale[0], 0.0), scale[1])
    views = [
        TrendView(
            label=cut(one.label, 24),
            now=percent(one.mean_confidence),
            words=_trend_words(one),
            chart=charts.line(one.trend, limit=one.threshold, scale=scale, small=True),
        )
        for one in classes
    ]
    return views, scale


def _trend_words(one: ClassFacts) -> str:
    known = [value for value in one.trend if value is not None]
    limit = f"; it should not fall below {percent(one.threshold)}" if one.threshold else ""
    return f"From {percent(min(known))} to {percent(max(known))}{limit}."


def _trend_table(model: ModelFacts, classes: Sequence[ClassFacts]) -> list[list[str]]:
    return [
        [night, *(_bare(one.trend[place]) for one in classes)]
        for place, night in enumerate(model.trend_nights)
    ]


def _bare(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


# The run


def speed_view(facts: ReportFacts) -> SpeedView | None:
    """Return the speed over the runs; None before there are two."""
    known = [value for value in facts.speed if value is not None]
    if len(known) < 2:
        return None
    band = next((_band(one) for one in facts.measures if one.name == "speed"), None)
    now = facts.speed[-1]
    return SpeedView(
        chart=charts.line(facts.speed, band=band, tick_text=amount),
        words=f"Tonight {amount(now)}; from {amount(min(known))} to {amount(max(known))}.",
        first=facts.speed_nights[0],
        last=facts.speed_nights[-1],
        table=[
            (night, amount(value))
            for night, value in zip(facts.speed_nights, facts.speed, strict=True)
        ],
    )
