"""What a person changed in a results file, beside what it showed him.

A cell says something new where it is neither what the file showed nor what stands. Since the file
was written the desk may have decided: that is newer, and stays. And the file may be an older one,
which was open all the while and was saved over the newer: then it says nothing of what only the
newer one showed. Nothing in a table tells its age; but somebody who takes answers back does not
take back just the latest ones, all of them, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from scoring.records.reviews import PictureKey, Source, Step
from scoring.records.text import printable, read_cell
from scoring.records.typed_cells import TypedCell

# What people say in the file itself is known to whoever has it open.
# So many cells of the latest that go back, and no later one that does not, are an older file.
SIGNS = 3
OWN: Source = "Results.csv"


class JudgedCell(Struct, frozen=True):
    """A cell, its picture where it has one, and what became of that so far."""

    cell: TypedCell
    picture: PictureKey | None
    steps: Sequence[Step] = ()

    @property
    def standing(self) -> str:
        return self.steps[-1].answer if self.steps else ""

    def says(self, answer: str) -> bool:
        """Tell whether an answer stands in the cell, in whatever case."""
        return _plain(self.cell.text) == _plain(printable(answer))

    def shown(self, reviews: int) -> int:
        """Return the place of the step that a file shows which was written after a review.

        What was typed into it since is in it, too. -1: it shows none.
        """
        return self._latest(lambda step: step.id <= reviews or step.source == OWN)

    def written(self, reviews: int) -> int:
        """Return the place of the step that it showed before anybody typed into it."""
        return self._latest(lambda step: step.id <= reviews)

    def _latest(self, counts: Callable[[Step], bool]) -> int:
        places = range(len(self.steps) - 1, -1, -1)
        return next((place for place in places if counts(self.steps[place])), -1)

    def answer_at(self, place: int) -> str:
        return self.steps[place].answer if place >= 0 else ""

    def differs(self, reviews: int) -> bool:
        """Tell whether the cell says neither what such a file showed nor what stands."""
        return not (self.says(self.standing) or self.says(self.answer_at(self.shown(reviews))))


class Change(Struct, frozen=True):
    """What a person did; an empty text takes back what stood.

    ``expected``: the review that stands; ``overtaken``: it is one that he has not seen.
    """

    judged: JudgedCell
    expected: int | None
    overtaken: bool

    @property
    def text(self) -> str:
        return self.judged.cell.text


class Changes(Struct, frozen=True):
    """What was changed; ``older``: in a file that was older than the one it took the place of."""

    found: list[Change]
    older: bool = False


def changes(cells: Sequence[JudgedCell], reviews: int | None, foreign: int = 0) -> Changes:
    """Return what was changed in a file that showed the reviews up to one; None: not known.

    ``foreign``: how many of its rows are of batches that it did not show.
    """
    if reviews is None:
        return Changes([_change(judged, 0) for judged in cells if _is_unheard_of(judged)])
    differing = [judged for judged in cells if judged.differs(reviews)]
    older = _older_file(cells, differing, reviews, foreign)
    if older is None:
        return Changes([_change(judged, reviews) for judged in differing])
    typed = (judged for judged in differing if not _could_be_of(judged, older))
    return Changes([_change(judged, older) for judged in typed], True)


def _is_unheard_of(judged: JudgedCell) -> bool:
    """Tell whether something stands there that no file can have shown."""
    return bool(judged.cell.text) and not any(judged.says(step.answer) for step in judged.steps)


def _change(judged: JudgedCell, reviews: int) -> Change:
    stands = judged.steps[-1].id if judged.standing else None
    # What was taken back since leaves nothing to overwrite.
    overtaken = stands is not None and judged.shown(reviews) != len(judged.steps) - 1
    return Change(judged, stands, overtaken)


def _older_file(
    cells: Sequence[JudgedCell], differing: Sequence[JudgedCell], reviews: int, foreign: int
) -> int | None:
    """Return the last review of the older file that this one is by all signs; None: it is not."""
    without = {id(judged): _goes_back(judged, reviews) for judged in differing}
    back = [review for review in without.values() if review is not None]
    if not back or len(back) + foreign < SIGNS:
        return None
    base = min(back) - 1
    # What was typed tells nothing of the file that it was typed into.
    others = (judged for judged in cells if judged.steps and without.get(id(judged), 0) is not None)
    return base if all(_could_be_of(judged, base) for judged in others) else None


def _could_be_of(judged: JudgedCell, reviews: int) -> bool:
    shown = judged.answer_at(judged.shown(reviews))
    return judged.says(shown) or judged.says(judged.answer_at(judged.written(reviews)))


def _goes_back(judged: JudgedCell, reviews: int) -> int | None:
    """Return the review that a cell is without; None where it shows nothing older."""
    for place in range(judged.shown(reviews) - 1, -2, -1):
        if judged.says(judged.answer_at(place)):
            return judged.steps[place + 1].id
    return None


def _plain(text: str) -> str:
    return " ".join(read_cell(text).split()).casefold()
