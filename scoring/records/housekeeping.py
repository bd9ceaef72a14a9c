"""After each run: what is too old goes, what must not be lost is copied, the disk is looked at."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from scoring.protocol.errors import LedgerDamaged, ScoringError
from scoring.protocol.file_names import as_file_name
from scoring.records import alerts
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Ledger
from scoring.records.ledger_file import backup_name, backups_by_age
from scoring.records.picture_pruning import prune_pictures
from scoring.records.picture_store import PictureStore
from scoring.records.pruning import counted_from
from scoring.records.run_id import start_of
from scoring.records.times import ago
from scoring.records.upload_names import is_upload
from scoring.settings import Settings

# An empty store has tables, too.
SMALL_STORE_BYTES = 1_000_000


class Housekeeping(Struct, frozen=True):
    """The chores; build it with what they need, then call ``run``."""

    settings: Settings
    ledger: Ledger
    events: EventsLog
    now: datetime

    def run(self, *, nightly: bool) -> None:
        """Do every chore; trouble with one is an event, and never the run's.

        Raises LedgerDamaged where the look that a backup takes at every page finds damage.
        """
        self._try(self.prune_ledger)
        self._try(self.prune_alerts)
        self._try(self.prune_copies)
        self._try(self.prune_pictures)
        self._try(self.prune_pictures_of_reports)
        self._try(self.clear_torn_backups)
        if nightly or not self._todays_backup.exists():
            self._try(self.back_up)
        self._try(self.look_at_disk)

    def prune_ledger(self) -> None:
        """Forget what ended more than ``records.keep_days`` ago."""
        before = self._ago(self.settings.records.keep_days)
        runs = self.ledger.prune(before, self._is_still_there)
        if runs:
            self.events.info("pruned", f"{runs} runs before {before:%Y-%m-%d} were forgotten")

    def prune_pictures(self) -> None:
        """Remove pictures of forgotten images, and the oldest past ``records.pictures_bytes``.

        What people judged stays; where that alone is too much, no others can be kept.
        """
        if not self.settings.pictures_file.exists():
            return
        most = self.settings.records.pictures_bytes
        with PictureStore.from_settings(self.settings) as store:
            prune_pictures(self.settings, self.ledger, store, self._counted_from)
            size = store.size_bytes
        if most and size > max(most, SMALL_STORE_BYTES):
            text = f"reviewed pictures take {size / 1e6:.0f} MB: raise records.pictures_bytes"
            self.events.warning("pictures", text)

    def prune_copies(self) -> None:
        """Remove runs' own copies of Results.csv after ``records.runs_keep_days``."""
        before = self._ago(self.settings.records.runs_keep_days)
        with suppress(FileNotFoundError):
            for folder in (self.settings.logs_folder / "runs").iterdir():
                if _started_before(folder.name, before):
                    shutil.rmtree(folder, ignore_errors=True)

    def prune_pictures_of_reports(self) -> None:
        """Remove what reports show of runs that are forgotten."""
        with PictureStore.from_settings(self.settings) as store:
            store.prune_reported(lambda run_id: self.ledger.run(run_id) is not None)

    def clear_torn_backups(self) -> None:
        """Remove what copies left behind that were killed: under another name every time."""
        ledger = self.settings.ledger_file
        of_older = f".{glob.escape(ledger.stem)}-schema-*.part*"
        for torn in (
            *self.settings.backups_folder.glob(".ledger-*.part*"),
            *ledger.parent.glob(of_older),
        ):
            torn.unlink(missing_ok=True)

    def back_up(self) -> None:
        """Copy the ledger while it is in use; the last ``records.backups`` days are kept."""
        self.ledger.copy_to(self._todays_backup)
        backups = backups_by_age(self.settings.backups_folder, self.now)
        for old in backups[self.settings.records.backups :]:
            old.unlink(missing_ok=True)

    def look_at_disk(self) -> None:
        """Warn before the disk is full."""
        free = free_bytes(self.settings)
        if free is not None and free < self.settings.records.low_disk_bytes:
            self.events.warning("disk-nearly-full", f"only {free / 1e6:.0f} MB are free")

    def prune_alerts(self) -> None:
        """Forget what somebody was told more than ``records.keep_days`` ago."""
        alerts.prune(self.ledger.database, self._ago(self.settings.records.keep_days))

    @property
    def _counted_from(self) -> datetime:
        return counted_from(self.ledger.database, self.now)

    def _ago(self, days: int) -> datetime:
        return ago(self._counted_from, days)

    @property
    def _todays_backup(self) -> Path:
        return self.settings.backups_folder / backup_name(self.now)

    def _is_still_there(self, batch: str, path: str) -> bool:
        """Tell whether an image is still in its folder; under an escaped name it may be."""
        if is_upload(batch):
            return False
        folder = self.settings.batches_folder / as_file_name(batch)
        return os.path.lexists(folder / as_file_name(path)) or "\\" in f"{batch}{path}"

    def _try(self, chore: Callable[[], None]) -> None:
        try:
            chore()
        except LedgerDamaged:
            raise
        except (OSError, ScoringError) as error:
            self.events.error("housekeeping", f"{chore.__name__.replace('_', ' ')}: {error}")


def free_bytes(settings: Settings) -> int | None:
    """Return what is free on the fuller of the disks that are written to; None: it is not known."""
    folders = (settings.ledger_file.parent, settings.results_file.parent)
    try:
        return min(shutil.disk_usage(folder).free for folder in folders)
    except OSError:
        return None


def _started_before(run_id: str, before: datetime) -> bool:
    """Tell whether a folder is an old run's; any other folder stays."""
    start = start_of(run_id)
    return start is not None and start < before.replace(tzinfo=None)
