"""What a person may say of a picture: one of its model's labels, or why there is none for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from scoring.records.text import printable, read_cell

Verdict = Literal["label", "not a garment", "cannot tell", "undone"]

NOT_A_GARMENT: Verdict = "not a garment"
CANNOT_TELL: Verdict = "cannot tell"
WORDS: tuple[Verdict, ...] = (NOT_A_GARMENT, CANNOT_TELL)
# A table that was through a program that takes whole numbers for others: 7 came back as 7.0.
WHOLE_NUMBER = re.compile(r"([0-9]+)[.,]0+")


class Answer(Struct, frozen=True):
    """A verdict, with the label where the verdict is that it has one."""

    verdict: Verdict
    label: str | None = None

    def __str__(self) -> str:
        """Return it in the words that stand in ``Corrected item``."""
        return self.label if self.verdict == "label" and self.label else self.verdict


def read_answer(text: str, labels: Sequence[str], nothing: str = "") -> Answer | None:
    """Return what somebody wrote as an answer; None where it is none.

    ``nothing`` is the model's own word for what it does not know, as it stands in ``Review``.
    Upper and lower case, blanks and the mark of a text cell do not count.
    """
    known = {_plain(word): Answer(word) for word in WORDS}
    if nothing:
        known |= {_plain(f"{nothing}{end}"): Answer(NOT_A_GARMENT) for end in ("", "?")}
    # A label is a label, though it were one of the words.
    for label in reversed(labels):
        answer = Answer("label", label)
        known |= {_plain(label): answer, _plain(printable(label)): answer}
    # Two labels may differ by their case alone.
    exact = {label: Answer("label", label) for label in labels}
    for spelling in (text.strip(), read_cell(text.strip())):
        found = exact.get(spelling) or known.get(_plain(spelling))
        if found:
            return found
    number = WHOLE_NUMBER.fullmatch(_plain(text))
    return known.get(number[1]) if number else None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
