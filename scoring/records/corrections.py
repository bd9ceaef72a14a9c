"""What somebody typed into ``Corrected item`` becomes a review before the file is written anew.

An answer is a review by "Results.csv"; a cell that was emptied takes back what it showed. Anything
else is kept in a file beside it, and so is an answer that the desk has overtaken meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from scoring.records import kept_cells, shown_file
from scoring.records.answers import CANNOT_TELL, NOT_A_GARMENT, Answer
from scoring.records.events_log import EventsLog
from scoring.records.kept_cells import KeptCell
from scoring.records.labels import Decision, Labels, PictureKey, ReviewConflict, ReviewRefused
from scoring.records.ledger import Ledger
from scoring.records.settled_file import FileLook, look_at
from scoring.records.shown_file import ShownFile
from scoring.records.spreadsheet import Table, read_table
from scoring.records.typed_cells import (
    COLUMNS,
    CORRECTED,
    NAMES,
    ShownPictures,
    TypedCell,
    typed_cells,
)
from scoring.records.typed_changes import OWN, Change, Changes, JudgedCell, changes
from scoring.settings import Settings

# Of cells that are kept beside, an event names this many.
TOLD = 5
NO_SUCH_IMAGE = "no image that was scored, or one that has changed since"
# A row that lost a column may be of any of several images.
UNNAMED = "its row does not say which image it is of: the column Batch or Image is empty or missing"
TWO_ROWS = "two rows of this image do not agree"


class Taken(Struct, frozen=True):
    """A file that was looked through; ``older``: it had been saved over a newer one."""

    look: FileLook
    older: bool = False


class Corrections:
    """Takes what was typed out of results files; whoever calls holds the run lock."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        events: EventsLog,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._events = events
        self._sleep = sleep
        self._labels = Labels(ledger, settings.now)

    def take(self, path: Path) -> Taken:
        """Make reviews of what was typed into a results file since it was written.

        Raises OSError where the file cannot be read.
        """
        taken = self._look_through(path)
        try:
            kept_cells.file_kept(self._ledger.database, path, self._settings.results.separator)
        except OSError as error:
            # The ledger has them, and the next time is as good.
            self._events.error("typed-not-filed", f"{kept_cells.file_beside(path).name}: {error}")
        return taken

    def _look_through(self, path: Path) -> Taken:
        shown = shown_file.find(self._ledger) if path == self._settings.results_file else None
        look = look_at(path, shown.known if shown else (), self._sleep)
        if not look.data or (shown and look.digest in shown.known):
            return Taken(look)
        table = read_table(look.data, COLUMNS)
        if table is None or not set(NAMES) & set(table.places):
            self._set_aside(path)
            return Taken(look)
        older = CORRECTED in table.places and self._take(path, table, shown)
        if shown:
            shown_file.know(self._ledger, look.digest)
        return Taken(look, older)

    def _set_aside(self, path: Path) -> None:
        aside = kept_cells.set_aside(path)
        self._events.warning(
            "results-unread",
            f"{path.name} is no table of results any more; what it holds is kept as {aside.name}",
        )

    def _take(self, path: Path, table: Table, shown: ShownFile | None) -> bool:
        """Write down what the rows say; return whether they are of an older file."""
        batches = shown.batches if shown else {}
        rows = typed_cells(table)
        cells = self._judged(rows, table, ShownPictures(self._ledger.database, batches))
        foreign = sum(bool(row.batch) and row.batch not in batches for row in rows)
        changed = changes(cells, shown.reviews if shown else None, foreign)
        decisions, kept = self._sort(changed)
        refused = 0
        for decision, written in zip(decisions, self._labels.add_all(decisions), strict=True):
            if isinstance(written, ReviewRefused):
                batch, file = decision.picture.batch, decision.picture.path
                kept.append(KeptCell(batch, file, str(decision.answer), str(written)))
                refused += 1
        self._tell(path, len(decisions) - refused, kept)
        return changed.older

    def _judged(
        self, rows: Sequence[TypedCell], table: Table, pictures: ShownPictures
    ) -> list[JudgedCell]:
        """Return the cells that may say something: those with a text, or of a judged picture."""
        steps = self._labels.steps()
        names = {(picture.batch, picture.path) for picture in steps}
        lossy = not set(NAMES) <= set(table.places)
        found = []
        for cell in rows:
            if cell.text or lossy or (cell.batch, cell.path) in names:
                picture = pictures.find(cell)
                judged = JudgedCell(cell, picture, steps.get(picture, ()) if picture else ())
                if cell.text or judged.steps:
                    found.append(judged)
        return found

    def _sort(self, changed: Changes) -> tuple[list[Decision], list[KeptCell]]:
        """Tell what can be decided from what can only be kept."""
        decisions: dict[PictureKey, Decision] = {}
        kept = []
        texts = _texts(changed)
        for change in changed.found:
            picture, cell = change.judged.picture, change.judged.cell
            decided = self._decided(change, texts)
            if picture and isinstance(decided, Answer):
                decisions[picture] = Decision(picture, decided, OWN, OWN, change.expected)
            elif cell.text:
                kept.append(KeptCell(cell.batch, cell.path, cell.text, str(decided)))
        return list(decisions.values()), kept

    def _decided(self, change: Change, texts: Mapping[PictureKey, set[str]]) -> Answer | str:
        """Return what a cell says of its picture, or why it says nothing."""
        picture = change.judged.picture
        if picture is None:
            is_named = change.judged.cell.batch and change.judged.cell.path
            return NO_SUCH_IMAGE if is_named else UNNAMED
        if len(texts[picture]) > 1:
            return TWO_ROWS
        if change.overtaken:
            return str(ReviewConflict(self._labels.current(picture)))
        if not change.text:
            return Answer("undone")
        answer = self._labels.read(picture, change.text)
        return answer or f"none of the answers: {', '.join(self._answers(picture))}"

    def _answers(self, picture: PictureKey) -> list[str]:
        """Return what may be said of a picture."""
        nothing = self._labels.nothing_word(picture) or NOT_A_GARMENT
        return [*self._labels.labels_of(picture), nothing, CANNOT_TELL]

    def _tell(self, path: Path, decided: int, kept: Sequence[KeptCell]) -> None:
        if decided:
            answers = "1 answer" if decided == 1 else f"{decided} answers"
            self._events.info("typed-reviews", f"{answers} typed into {path.name}: reviews now")
        if kept_cells.keep(self._ledger.database, path, kept, self._settings.now()):
            named = "; ".join(f"{cell.batch}/{cell.path}: {cell.typed!r}" for cell in kept[:TOLD])
            more = f" and {len(kept) - TOLD} more" if len(kept) > TOLD else ""
            beside = kept_cells.file_beside(path).name
            self._events.warning(
                "typed-kept", f"typed into {path.name}, but no review: {named}{more}; see {beside}"
            )


def _texts(changed: Changes) -> dict[PictureKey, set[str]]:
    """Return what the rows of each picture say; there should be one."""
    texts: dict[PictureKey, set[str]] = {}
    for change in changed.found:
        if change.judged.picture:
            said = " ".join(change.text.split()).casefold()
            texts.setdefault(change.judged.picture, set()).add(said)
    return texts
