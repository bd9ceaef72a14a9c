"""The facts of a run → plain text for a mail's body: the words of the page, without pictures."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from scoring.monitoring import trust_views, views
from scoring.monitoring.facts import ModelFacts, ReportFacts
from scoring.monitoring.verdict import Verdict, judge_run
from scoring.monitoring.words import count, cut, percent

MOST_BYTES = 90_000
WIDTH = 78
# Of a list of single files or pictures; the page and Results.csv have more.
LISTED = 20
CELL = 40


def render_text(facts: ReportFacts) -> bytes:
    """Return the report as text in UTF-8, under ``MOST_BYTES`` whatever the facts."""
    verdict = judge_run(facts)
    parts = [_head(facts, verdict), _look(facts), _different(verdict), _batches(facts)]
    parts += [_model(model, len(facts.models) > 1) for model in facts.models]
    parts += [_errors(facts), _events(facts), [views.closing(facts)]]
    text = "\n\n".join("\n".join(part) for part in parts if part) + "\n"
    data = text.encode("utf-8", "backslashreplace")
    if len(data) < MOST_BYTES:
        return data
    return (
        data[: MOST_BYTES - 100].decode("utf-8", "ignore").encode() + b"\n(the rest is cut off)\n"
    )


def _head(facts: ReportFacts, verdict: Verdict) -> list[str]:
    figures = [
        f"  {one.name:<22} {one.value}{f' ({one.beside})' if one.beside else ''}"
        for one in views.figures(facts)
    ]
    said = [*_wrapped(verdict.why), *(line for step in verdict.to_do for line in _wrapped(step))]
    opening = [views.when(facts), "", *_wrapped(verdict.sentence), *said]
    waits = _wrapped(views.desk_words(facts))
    return [*_apart(opening, figures, waits)]


def _apart(*parts: list[str]) -> Iterator[str]:
    for place, part in enumerate(filter(None, parts)):
        yield from ["", *part] if place else part


def _look(facts: ReportFacts) -> list[str]:
    flagged = [one for one in facts.look_at if one.label is not None][:LISTED]
    if not flagged:
        return []
    rows = [
        (f"{one.batch}/{one.path}", one.label or "", percent(one.confidence), one.reason)
        for one in flagged
    ]
    foot = _wrapped(views.look_words(facts, len(flagged)))
    return [*_heading("Look at these first"), *_table(rows), *foot]


def _different(verdict: Verdict) -> list[str]:
    lines = [line for one in verdict.different for line in _wrapped(one, "- ")]
    if not lines and verdict.usual:
        lines = _wrapped(verdict.usual)
    return [*_heading("Different from usual"), *lines] if lines else []


def _batches(facts: ReportFacts) -> list[str]:
    if not facts.batches:
        return []
    head = ("Batch", "Pictures", "Want a person", "Not read", "Mean confidence")
    rows = [
        (
            batch.name,
            count(batch.totals.images),
            count(batch.totals.flagged),
            count(batch.totals.failed),
            percent(batch.totals.mean_confidence),
        )
        for batch in facts.batches
    ]
    more = [f"and {count(facts.more_batches)} more"] if facts.more_batches else []
    return [*_heading("Batches"), *_table([head, *rows]), *more]


def _model(model: ModelFacts, several: bool) -> list[str]:
    view = views.model_view(model)
    head = ("Class", "Pictures", "Share", "Usual", "Mean confidence")
    name = f": {model.name}" if several else ""
    return [
        *_trust(view, name),
        *_heading(f"What the model saw{name}"),
        *_table([head, *view.classes_table]),
        *([f"and {model.more_classes} more classes"] if model.more_classes else []),
        *_wrapped(view.histogram_caption),
    ]


def _trust(view: views.ModelView, name: str) -> list[str]:
    if view.trust is None:
        return []
    said = [*view.trust.lines, *view.trust.warnings]
    lines = [line for one in said for line in _wrapped(one)]
    rows = view.trust.table
    table = ["", *_table([tuple(trust_views.HEAD), *rows])] if rows else []
    return [*_heading(f"How right it probably is{name}"), *lines, *table, ""]


def _errors(facts: ReportFacts) -> list[str]:
    if not facts.errors:
        return []
    kinds = [
        line for why, many in facts.errors for line in _wrapped(f"{count(many)} × {why}", "- ")
    ]
    files = [(f"{one.batch}/{one.path}", one.error) for one in facts.failed_files[:LISTED]]
    left = facts.totals.failed - len(files)
    more = [f"and {count(left)} more; Results.csv names them all"] if left > 0 else []
    return [*_heading("What could not be read"), *kinds, "", *_table(files), *more]


def _events(facts: ReportFacts) -> list[str]:
    if not facts.events:
        return []
    lines = [
        line
        for event in facts.events
        for line in _wrapped(f"{event.batch + ': ' if event.batch else ''}{event.message}", "- ")
    ]
    return [*_heading("What else happened"), *lines]


def _heading(text: str) -> list[str]:
    return [text, "-" * len(text)]


def _wrapped(text: str, bullet: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=bullet, subsequent_indent=" " * len(bullet),
        break_on_hyphens=False, break_long_words=True,
    )  # fmt: skip


def _table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    cells = [[cut(cell, CELL if place == 0 else 2 * CELL) for place, cell in enumerate(row)]
             for row in rows]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        columns = zip(row, widths, strict=True)
        yield "  ".join(cell.ljust(width) for cell, width in columns).rstrip()
