"""What a lesson says in words and tables: on the screen, in the card, in the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fashion_model.metrics import confusion_matrix
from fashion_model.teaching.lesson import REVIEW_ACCURACY, Lesson

CONFUSIONS = 10


@dataclass(frozen=True)
class Table:
    """A heading, what the columns are, and rows of cells."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    remark: str = ""


def percent(share: float) -> str:
    """Return a share of 0-1 with one decimal."""
    return f"{100 * share:.1f} %"


def summary(lesson: Lesson) -> list[str]:
    """Return what counts, a sentence each."""
    figures = lesson.figures()
    pictures, groups = int(figures["measured_images"]), int(figures["measured_groups"])
    low, high = percent(figures["accuracy_low"]), percent(figures["accuracy_high"])
    lines = [
        f"{pictures} photographs of {len(lesson.photographs.labels)} classes, in {groups} groups"
        " of near-copies and people",
        f"right on {percent(figures['accuracy'])} of photographs of groups not learnt from"
        f" ({low} to {high}, 95 % interval); its confidence is off by"
        f" {percent(figures['calibration_error'])}",
    ]
    if figures["unflagged_share"]:
        lines.append(
            f"{percent(figures['unflagged_share'])} would not be marked for a person, and"
            f" {percent(figures['unflagged_accuracy'])} of those are right"
        )
    else:
        lines.append(
            "every photograph would be marked for a person: there is no confidence from which on"
            f" {percent(REVIEW_ACCURACY)} are right"
        )
    return lines


def tables(lesson: Lesson) -> list[Table]:
    """Return learning curve, classes, confusions and wishes; what is empty is left out."""
    every = (curve_table(lesson), classes_table(lesson), confusions_table(lesson))
    return [table for table in (*every, wishes_table(lesson)) if table.rows]


def curve_table(lesson: Lesson) -> Table:
    """Return how right heads were that learnt from so many pictures a class."""
    rows = [(str(point.size), percent(point.accuracy)) for point in lesson.curve]
    return Table("Learning curve", ("pictures a class, at most", "right"), rows)


def classes_table(lesson: Lesson) -> Table:
    """Return how right each class is, the worst first."""
    sizes = np.bincount(lesson.photographs.classes, minlength=len(lesson.photographs.labels))
    recalls = lesson.curve[-1].recalls
    rows = [
        (lesson.photographs.labels[k], str(sizes[k]), percent(float(recalls[k])))
        for k in np.argsort(recalls, kind="stable")
    ]
    return Table("Classes", ("class", "pictures", "named right"), rows)


def confusions_table(lesson: Lesson) -> Table:
    """Return the pairs of classes that are taken for one another most often."""
    labels = lesson.photographs.labels
    counts = confusion_matrix(lesson.photographs.classes, lesson.said, len(labels))
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:CONFUSIONS]
    pairs = [divmod(int(place), len(labels)) for place in order]
    rows = [(labels[a], labels[b], str(counts[a, b])) for a, b in pairs if counts[a, b]]
    return Table("Confusions", ("is", "was named", "pictures"), rows)


def wishes_table(lesson: Lesson) -> Table:
    """Return which classes need more pictures, and how many might help."""
    labels = lesson.photographs.labels
    rows = [
        (
            labels[wish.label],
            str(wish.pictures),
            percent(wish.recall),
            f"{wish.more} more: perhaps {percent(wish.expected)}"
            if wish.more
            else "more alone would hardly help: look at the suspects and the confusions",
        )
        for wish in lesson.wishes
    ]
    remark = (
        "A guess: the learning curve drawn on, as if every class followed it. Pictures of other"
        " people, things and backgrounds help most; near-copies do not."
    )
    return Table("More pictures wanted", ("class", "has", "right", "what might help"), rows, remark)


def as_text(table: Table) -> Iterator[str]:
    """Yield the lines of a table for a screen."""
    cells = [table.columns, *table.rows]
    widths = [max(len(row[place]) for row in cells) for place in range(len(table.columns))]
    yield f"{table.title}:"
    for row in cells:
        yield "  " + "  ".join(_padded(row, widths)).rstrip()
    if table.remark:
        yield f"  ({table.remark})"


def _padded(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for cell, width in zip(row, widths, strict=True):
        yield cell.ljust(width)
