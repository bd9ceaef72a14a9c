"""How far a model can be believed, in words, a table and a chart for the report."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from scoring.monitoring import charts
from scoring.monitoring.e_process import CLEAN_NIGHTS
from scoring.monitoring.facts import Share, Span, Trust
from scoring.monitoring.words import capitalised, count, listed, percent

# Two opinions that differ by more are worth a word: points of a hundred.
WORTH_A_WORD = 0.02
MOST_NAMED = 8
UNKNOWN = "not known"


class TrustView(Struct, frozen=True):
    """One model's part of the page.

    ``lines``: sentences, what leads first; ``warnings``: those that want a person; ``table``: some
    nights together, empty where there is one night only.
    """

    lines: tuple[str, ...]
    warnings: tuple[str, ...]
    table: list[tuple[str, ...]]
    chart: charts.Banded | None
    chart_words: str
    first: str
    last: str
    chart_table: list[tuple[str, ...]]


HEAD = ["Nights", "Estimated right", "From", "To", "Second opinion", "Judged right", "Judged"]
CHART_HEAD = ["Run", "Estimated right", "From", "To", "Judged right"]


def trust_view(trust: Trust) -> TrustView:
    """Return the words, the table and the chart."""
    known = [one for one in trust.trend if one]
    drawn = len(known) > 1 or any(one is not None for one in trust.trend_judged[:-1])
    return TrustView(
        lines=tuple(_lines(trust)),
        warnings=tuple(_warnings(trust)),
        table=[_row(span) for span in trust.spans] if len(trust.trend_nights) > 1 else [],
        chart=_chart(trust) if drawn else None,
        chart_words=_chart_words(known),
        first=trust.trend_nights[0] if trust.trend_nights else "",
        last=trust.trend_nights[-1] if trust.trend_nights else "",
        chart_table=_chart_table(trust),
    )


def figure(trust: Trust) -> tuple[str, str, str]:
    """Return the figure of the first screen: its name, its value, and what stands beside it."""
    span, shown = _leading(trust), trust.tonight.estimated
    judged = span.judged if span else None
    # What people judged of nights before says nothing of pictures that are other ones.
    if trust.alarms or trust.unlike:
        before = f"{percent(judged.value)} before" if judged else "why stands below"
        return "probably right", UNKNOWN, before
    if judged:
        beside = f"{_interval(judged)}, last {count(span.nights)} nights" if span else ""
        return "right, as people judged", percent(judged.value), beside
    if shown:
        return "probably right", percent(shown.value), _interval(shown)
    return "probably right", UNKNOWN, "why stands below"


def in_one_line(trust: Trust, model: str) -> str:
    """Return the figure as a sentence, and advice to retrain; of several models of which."""
    name, value, beside = figure(trust)
    if value == UNKNOWN:
        reason = trust.why_not if not trust.tonight.estimated else beside
        text = f"How right it is tonight is not known: {reason}."
    else:
        text = f"{capitalised(name)}: {value} ({beside})."
    if trust.retrain:
        text += f" {trust.thresholds}"
    return f"{model}: {text}" if model else text


def news(trust: Trust) -> str:
    """Return what is unlike the model's test pictures, more of what is new; "" for nothing."""
    new = [one.what for one in trust.alarms if one.is_new]
    if new:
        return (
            f"Unlike what the model was tested with: {listed(new)}. How right it is cannot be told"
            " from its confidence until that is over, or people have judged."
        )
    if not trust.alarms:
        return ""
    # Tonight may be as it should be: one such night does not end it.
    since, what = trust.alarms[0].since, listed([one.what for one in trust.alarms])
    return (
        f"The alarm{f' of {since}' if since else ''} stands until {CLEAN_NIGHTS} nights in a row"
        f" are like what the model was tested with: {what}."
    )


def _lines(trust: Trust) -> Iterator[str]:
    span = _leading(trust)
    if not trust.tonight.estimated:
        yield f"How right tonight's answers are cannot be estimated: {trust.why_not}."
    if span and span.judged:
        yield (
            f"{percent(span.judged.value)} of the answers are right ({_interval(span.judged)}) in"
            f" those of the last {count(span.nights)} nights of which people have judged pictures"
            f" drawn at random, {count(span.pictures)} in all.{_waiting(trust)}"
        )
    if trust.tonight.estimated:
        yield f"{_estimated(trust.tonight)}{_combined(trust)}"
    if trust.thresholds and not trust.retrain:
        yield trust.thresholds


def _warnings(trust: Trust) -> Iterator[str]:
    for since in dict.fromkeys(one.since for one in trust.alarms):
        what = listed([one.what for one in trust.alarms if one.since == since], MOST_NAMED)
        when = f" since {since}" if since else ""
        yield f"Unlike what the model was tested with{when}: {what}."
    if trust.retrain:
        yield trust.thresholds


def _leading(trust: Trust) -> Span | None:
    """Return the shortest span that people have judged enough of."""
    return next((span for span in trust.spans if span.judged), None)


def _waiting(trust: Trust) -> str:
    if not trust.waiting:
        return ""
    who = "one that wants a person has" if trust.waiting == 1 else "that want a person have"
    many = "" if trust.waiting == 1 else f"{count(trust.waiting)} "
    return f" {capitalised(many + who)} not been judged: so the range is wide."


def _estimated(span: Span) -> str:
    assert span.estimated
    text = (
        f"By its own confidence {percent(span.estimated.value)} of tonight's answers are right"
        f" ({_interval(span.estimated)})"
    )
    if span.second is None:
        return f"{text}."
    differ = span.estimated.value - span.second
    beside = f"; a second opinion says {percent(span.second)}"
    if abs(differ) > WORTH_A_WORD:
        beside += f", and the two differ by {100 * abs(differ):.1f} points"
    return f"{text}{beside}."


def _combined(trust: Trust) -> str:
    if trust.combined is None:
        return ""
    return f" Corrected by what people judged it is {percent(trust.combined)}."


def _interval(share: Share) -> str:
    low, high = percent(share.low), percent(share.high)
    return low if low == high else f"{low.removesuffix(' %')} to {high}"


def _row(span: Span) -> tuple[str, ...]:
    nights = "tonight" if span.nights == 1 else f"last {span.nights}"
    valid = span.valid_nights
    estimated = _parts(span.estimated) if span.estimated else ("not valid", "–", "–")
    told = estimated[0] if span.nights == 1 or not valid else f"{estimated[0]} ({valid} valid)"
    judged = percent(span.judged.value) if span.judged else "–"
    return (
        nights, told, *estimated[1:], percent(span.second), judged,
        count(span.pictures) if span.pictures else "–",
    )  # fmt: skip


def _parts(share: Share) -> tuple[str, ...]:
    return tuple(f"{100 * one:.1f} %" for one in (share.value, share.low, share.high))


def _chart(trust: Trust) -> charts.Banded:
    values = [(one.value, one.low, one.high) if one else None for one in trust.trend]
    return charts.banded(values, trust.trend_judged, tick_text=_tick)


def _tick(share: float) -> str:
    return f"{100 * share:.3g}"


def _chart_words(known: list[Share]) -> str:
    if not known:
        return "No estimate was valid."
    values = [one.value for one in known]
    return f"Estimated from {percent(min(values))} to {percent(max(values))} right."


def _chart_table(trust: Trust) -> list[tuple[str, ...]]:
    return [
        (night, *(_parts(one) if one else ("not valid", "–", "–")), percent(judged))
        for night, one, judged in zip(
            trust.trend_nights, trust.trend, trust.trend_judged, strict=True
        )
    ]
