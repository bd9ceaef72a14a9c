"""A results file is looked through for what somebody typed, then written anew from the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from scoring.protocol.errors import ScoringError
from scoring.records import kept_cells, shown_file
from scoring.records.atomic_file import Ready, behind_link
from scoring.records.corrections import Corrections
from scoring.records.events_log import EventsLog
from scoring.records.labels import Labels
from scoring.records.ledger import Ledger
from scoring.records.results_csv import (
    CsvFormat,
    replace_results,
    write_beside,
    write_results,
)
from scoring.records.rows import ResultRow
from scoring.records.settled_file import FileLook, is_still
from scoring.records.shown_file import ShownFile
from scoring.settings import Settings

# Somebody who saves the file while it is written anew is looked at again, so many times.
LOOKS = 5
# LibreOffice puts this beside a file that it has open. One of another day was left by a crash.
LOCK = ".~lock.{name}#"
LOCK_SECONDS = 12 * 3600

AllRows = Callable[[], Iterable[ResultRow]]
# id of the last review that counts → rows
Rows = Callable[[int], Iterable[ResultRow]]
Put = Callable[[Path, AllRows, Ready], Path]


class ResultsHeld(ScoringError):
    """Another program has Results.csv open."""

    code = "results-held"


class SavedMeanwhile(Exception):
    """Somebody has saved the file since it was looked through."""


class ResultsFile:
    """Results.csv of a project; whoever calls holds the run lock."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        events: EventsLog,
        sleep: Callable[[float], None] = time.sleep,
        run: str = "",
    ) -> None:
        """``run``: whose events these are."""
        self._run = run
        self._path = settings.results_file
        self._ledger = ledger
        self._events = events
        self._format = CsvFormat.from_settings(settings)
        self._sleep = sleep
        self._corrections = Corrections(settings, ledger, events, sleep)
        self._labels = Labels(ledger, settings.now)

    def take_typed(self) -> bool:
        """Make reviews of what was typed; return whether the file is an older one.

        Raises ResultsHeld where it cannot be read now.
        """
        try:
            return self._corrections.take(self._path).older
        except PermissionError as error:
            raise self._held(error) from error

    def write(self) -> None:
        """Write Results.csv anew; raises ResultsHeld, and never writes elsewhere."""
        if self._is_open_in_an_office():
            raise self._held("LibreOffice has it open")
        try:
            self._anew(self._path, self._ledger.results_rows, self._replace)
        except (PermissionError, SavedMeanwhile) as error:
            raise self._held(error) from error

    def write_or_beside(self) -> Path:
        """Write Results.csv anew, beside it where it is held open; return where it went."""
        return self._anew_or_beside(self._path, self._ledger.results_rows)

    def write_own(self, path: Path, run_id: str) -> Path:
        """Write what a run shows to a file of its own, or beside that; return where it went."""
        return self._anew_or_beside(path, lambda reviews: self._ledger.result_rows(run_id, reviews))

    def _anew_or_beside(self, path: Path, rows: Rows) -> Path:
        try:
            return self._anew(path, rows, self._replace_patiently)
        except (PermissionError, SavedMeanwhile):
            if not path.is_file():
                raise
            # It holds what nobody could look through: it stays.
            return write_beside(path, rows(self._labels.latest_id()), self._format)

    def _anew(self, path: Path, rows: Rows, put: Put) -> Path:
        """Look through the file and put it anew, once more where somebody saves it meanwhile."""
        for _ in range(LOOKS):
            taken = self._corrections.take(path)
            change = _Change(self._ledger, path, taken.look, path == self._path)
            reviews = self._labels.latest_id()
            try:
                written = put(path, partial(rows, reviews), change.ready)
            except SavedMeanwhile:
                continue
            if written == path:
                change.done(reviews)
            return written
        raise SavedMeanwhile

    def _replace(self, path: Path, rows: AllRows, ready: Ready) -> Path:
        replace_results(path, rows(), self._format, self._owner_lost, ready)
        return path

    def _replace_patiently(self, path: Path, rows: AllRows, ready: Ready) -> Path:
        return write_results(path, rows, self._format, self._sleep, self._owner_lost, ready)

    def _owner_lost(self, message: str) -> None:
        self._events.warning("results-owner", message, run=self._run)

    def _is_open_in_an_office(self) -> bool:
        """Tell whether LibreOffice has the file open: elsewhere than on Windows nothing else does.

        Its user would save what he sees over what is written now.
        """
        for path in {self._path, behind_link(self._path)}:
            with suppress(OSError):
                status = path.with_name(LOCK.format(name=path.name)).stat()
                return time.time() - status.st_mtime < LOCK_SECONDS
        return False

    def _held(self, why: object) -> ResultsHeld:
        return ResultsHeld(
            f"{self._path.name} cannot be written anew now ({why}); what was decided is shown in it"
            " as soon as it is closed"
        )


class _Change:
    """One file that takes the place of another; only of Results.csv it is noted what it shows."""

    def __init__(self, ledger: Ledger, path: Path, look: FileLook, noted: bool) -> None:
        self._ledger = ledger
        self._path = path
        self._look = look
        self._noted = noted
        self._digest = ""

    def ready(self, part: Path) -> None:
        """Let a part take the place of the file that was looked through, and of no other."""
        if self._noted:
            self._digest = shown_file.digest_of(part)
            shown_file.know(self._ledger, self._digest)
        if not is_still(self._path, self._look):
            raise SavedMeanwhile

    def done(self, reviews: int) -> None:
        """Note what stands in place now; what was kept of the old file is not in it."""
        if self._noted:
            batches = self._ledger.results_batches()
            shown_file.keep(self._ledger, ShownFile((self._digest,), reviews, batches))
        kept_cells.forget_filed(self._ledger.database, self._path)
