"""The model card of a taught bundle: what it can do, how that was measured, what it is not for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from fashion_model.teaching.cross_validation import STRENGTHS
from fashion_model.teaching.lesson import Lesson
from fashion_model.teaching.sureness import (
    CLAIMED_ACCURACY,
    REVIEW_ACCURACY,
    STRANGE_SHARE,
    SURENESS,
)
from fashion_model.teaching.telling import Table, percent, summary, tables
from scoring.protocol.signature import Signature

FROZEN = """\
The backbone is a frozen int8 network (SHA-256 `{digest}`);
what was learnt is one float layer on its {width} features, a multinomial logistic regression. The
regularisation was chosen, and every figure above measured, by cross-validation: pictures of one
group (near-copies, and one person's where that is known) are never learnt from and measured with
at a time. The interval reckons with the groups. The choice among {strengths} strengths on the same
pictures flatters the figures a little.
"""
TUNED = """\
The last blocks of the network (int8, SHA-256 `{digest}`)
and one float layer on its {width} features were trained together, on {learnt} photographs, from
{start}. All figures but the learning curve are of the other photographs, whose
groups (near-copies, and one person's where that is known) it has not seen. The interval reckons
with the groups.
"""
CALIBRATED = """\
Temperature and thresholds come from the same held-out answers: of what is not marked at least
{review} shall be right, with a mean confidence of {claimed}, for {sureness} of the sets of groups
that might have been drawn instead; {strange} of the photographs may be called strange. Strange is
what lies far from all classes in the features' own covariance.
"""
LIMITS = """\
- Classes that it was not taught: they become one of its own, often but not always marked.
- Photographs of another kind than those it was taught with: its figures do not speak of them.
- A decision without a person where a row is marked.
"""


def model_card(lesson: Lesson, signature: Signature, notes: Sequence[str]) -> str:
    """Return the card as Markdown; its pictures lie beside it."""
    parts = [
        f"# Model card: `{signature.name}`",
        f"What it does: {signature.purpose}. Taught on {signature.created}.",
        "## Figures",
        "\n".join(f"- {plain(line)}." for line in summary(lesson)),
        "![confusion](pictures/confusion.svg) ![reliability](pictures/reliability.svg)"
        " ![learning curve](pictures/learning.svg)",
        *(_as_markdown(table) for table in tables(lesson)),
        "## How it was made",
        _how(lesson),
        CALIBRATED.format(
            review=percent(REVIEW_ACCURACY),
            claimed=percent(CLAIMED_ACCURACY),
            sureness=percent(SURENESS),
            strange=percent(STRANGE_SHARE),
        )
        + _suspects(lesson),
        *_passed_over(notes),
        "## What it must not be used for",
        LIMITS,
    ]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _how(lesson: Lesson) -> str:
    backbone, tuning = lesson.backbone, lesson.tuning
    if tuning is None:
        return FROZEN.format(digest=backbone.digest, width=backbone.width, strengths=len(STRENGTHS))
    return TUNED.format(
        digest=backbone.digest,
        width=backbone.width,
        learnt=tuning.learnt,
        start=plain(tuning.start),
    )


def plain(text: str) -> str:
    """Return a text that Markdown shows as it stands: a label may hold any character."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]|#!~" else sign for sign in escape(text, False))


def _suspects(lesson: Lesson) -> str:
    count = len(lesson.suspects)
    if not count:
        return ""
    return f"\n{count} labels may be wrong; `report.html` shows them with their pictures.\n"


def _passed_over(notes: Sequence[str]) -> Iterator[str]:
    if notes:
        yield "Passed over:\n\n" + "\n".join(f"- {plain(note)}" for note in notes)


def _as_markdown(table: Table) -> str:
    lines = [table.columns, tuple("---" for _ in table.columns)]
    rows = ["| " + " | ".join(line) + " |" for line in lines]
    rows += ["| " + " | ".join(map(plain, row)) + " |" for row in table.rows]
    return "\n".join([f"### {table.title}", "", *rows, *(["", table.remark] * bool(table.remark))])
