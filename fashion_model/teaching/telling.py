"""What a lesson says in words and tables: on the screen, in the card, in the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashion_model.metrics import confusion_matrix
from fashion_model.teaching.lesson import Lesson
from fashion_model.teaching.sureness import REVIEW_ACCURACY

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
    which = ", which the tuning left out," if lesson.tuning else ""
    lines = [
        f"{pictures} photographs{which} of {len(lesson.photographs.labels)} classes, in {groups}"
        " groups of near-copies and people",
        f"right on {percent(figures['accuracy'])} of photographs of groups not learnt from"
        f" ({low} to {high}, 95 % interval); its confidence is off by"
        f" {percent(figures['calibration_error'])}",
    ]
    return [*lines, *tuning_lines(lesson), expectation(lesson)]


def expectation(lesson: Lesson) -> str:
    """Return what to expect of new pictures."""
    expected = lesson.expected
    if not expected.right:
        return (
            "all new photographs will be marked for a person: so few do not show from which"
            f" confidence on {percent(REVIEW_ACCURACY)} are right"
        )
    of_whom = (
        ""
        if any(file.group for file in lesson.photographs.files)
        else "; nobody said whose the photographs are, so this is of new ones by the same people"
    )
    return (
        f"of new photographs about {percent(expected.marked)} will be marked for a person; of the"
        f" others about {percent(expected.right)} are right, at least"
        f" {percent(expected.at_least)} with nine chances in ten{of_whom}"
    )


def tuning_lines(lesson: Lesson) -> list[str]:
    """Return what the tuning of the network brought; nothing where it was not tuned."""
    tuning = lesson.tuning
    if tuning is None:
        return []
    better, worse = lesson.right & ~tuning.frozen_right, tuning.frozen_right & ~lesson.right
    return [
        f"the network itself was tuned on {tuning.learnt} photographs for {tuning.steps} steps,"
        f" from {tuning.start}",
        f"of the photographs that it did not learn from it names {percent(lesson.right.mean())}"
        f" right, the frozen one {percent(tuning.frozen_right.mean())}: {better.sum()} more and"
        f" {worse.sum()} fewer",
    ]


def tables(lesson: Lesson) -> list[Table]:
    """Return learning curve, classes, confusions and wishes; what is empty is left out."""
    every = (curve_table(lesson), classes_table(lesson), confusions_table(lesson))
    return [table for table in (*every, wishes_table(lesson)) if table.rows]


def curve_table(lesson: Lesson) -> Table:
    """Return how right heads were that learnt from so many pictures a class."""
    rows = [(str(point.size), percent(point.accuracy)) for point in lesson.curve]
    remark = "Of the head alone, before the network was tuned." if lesson.tuning else ""
    return Table("Learning curve", ("pictures a class, at most", "right"), rows, remark)


def classes_table(lesson: Lesson) -> Table:
    """Return how right each class is, the worst first."""
    sizes = np.bincount(lesson.photographs.classes, minlength=len(lesson.photographs.labels))
    counts = _counts(lesson)
    recalls = np.diag(counts) / np.maximum(counts.sum(axis=1), 1)
    rows = [
        (lesson.photographs.labels[k], str(sizes[k]), percent(float(recalls[k])))
        for k in np.argsort(recalls, kind="stable")
    ]
    return Table("Classes", ("class", "pictures", "named right"), rows)


def confusions_table(lesson: Lesson) -> Table:
    """Return the pairs of classes that are taken for one another most often."""
    labels = lesson.photographs.labels
    counts = _counts(lesson)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:CONFUSIONS]
    pairs = [divmod(int(place), len(labels)) for place in order]
    rows = [(labels[a], labels[b], str(counts[a, b])) for a, b in pairs if counts[a, b]]
    return Table("Confusions", ("is", "was named", "pictures"), rows)


def _counts(lesson: Lesson) -> NDArray[np.int64]:
    return confusion_matrix(lesson.classes, lesson.said, len(lesson.photographs.labels))


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
