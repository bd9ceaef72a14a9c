"""A damaged ledger is set aside and the latest good backup takes its place.

Whoever calls holds the run lock: nobody else writes predictions meanwhile.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path

from scoring.protocol.errors import LedgerDamaged, LedgerError
from scoring.records.atomic_file import remove_leftovers, replacing
from scoring.records.events_log import EventsLog
from scoring.records.ledger import FIRST_START, Ledger
from scoring.settings import Settings

# What SQLite keeps beside a database in WAL mode belongs to it, and to no other.
SIDE_FILES = ("", "-wal", "-shm")
BACKUPS = "ledger-*.db"
# A run that is due at this very moment stays due.
MOMENT = timedelta(minutes=1)


def backup_name(now: datetime) -> str:
    """Return the file name of a day's backup; names sort by age."""
    return f"ledger-{now:%Y-%m-%d}.db"


def backups_by_age(folder: Path) -> list[Path]:
    """Return the backups, newest first."""
    return sorted(folder.glob(BACKUPS), key=lambda path: path.name, reverse=True)


def require_ledger(settings: Settings) -> None:
    """Raise LedgerDamaged where the ledger is gone or empty, but backups say that it was there.

    SQLite would take an empty file for a new database, without a word. To begin anew, remove the
    whole folder, backups included.
    """
    path = settings.ledger_file
    try:
        lost = path.stat().st_size == 0
    except FileNotFoundError:
        lost = True
    if lost and backups_by_age(settings.backups_folder):
        raise LedgerDamaged(f"{path} is empty or gone, though there are backups of it")


def recover_ledger(
    settings: Settings, events: EventsLog, damage: LedgerDamaged, now: datetime
) -> None:
    """Put the latest backup that is whole in the place of a damaged ledger, else a fresh one.

    Raises LedgerError where the file cannot be moved (on Windows: somebody has it open).
    """
    path = settings.ledger_file
    try:
        aside = _set_aside(path, now)
        backup = _restore(path, settings.backups_folder)
    except OSError as error:
        raise LedgerError(f"{damage}, and cannot be set aside: {error}") from error
    if backup is None:
        with Ledger.from_settings(settings) as ledger:
            ledger.set_fact(FIRST_START, _due_again_since(settings, now).isoformat())
    source = f"the backup {backup.name}" if backup else "an empty one; there is no good backup"
    kept = f"It was set aside as {aside.name} and replaced" if aside.exists() else "It is replaced"
    events.error(
        damage.code, f"{damage}. {kept} by {source}; what was scored since then is scored again"
    )


def _due_again_since(settings: Settings, now: datetime) -> datetime:
    """Return since when runs are due in a ledger that knows of none.

    The last one is done again where it can still be caught up; older ones were not missed, only
    forgotten.
    """
    schedule = settings.schedule
    reach = timedelta(hours=schedule.catch_up_hours) - timedelta(minutes=schedule.client_after)
    return now - max(reach, MOMENT)


def _set_aside(path: Path, now: datetime) -> Path:
    aside = path.with_name(f"{path.stem}-damaged-{now:%Y%m%d-%H%M%S}{path.suffix}")
    for ending in SIDE_FILES:
        with suppress(FileNotFoundError):
            os.replace(f"{path}{ending}", f"{aside}{ending}")
    return aside


def _restore(path: Path, backups: Path) -> Path | None:
    """Copy the newest backup that passes SQLite's check into place; return which one."""
    remove_leftovers(path)
    for backup in backups_by_age(backups):
        try:
            with replacing(path) as part:
                shutil.copyfile(backup, part)
                _require_whole(part)
        except LedgerDamaged:
            continue
        return backup
    return None


def _require_whole(path: Path) -> None:
    """Raise LedgerDamaged where SQLite's check finds something, or the table of runs is gone."""
    try:
        with closing(sqlite3.connect(path)) as database:
            (verdict,) = database.execute("PRAGMA integrity_check(1)").fetchone()
            database.execute("SELECT count(*) FROM runs")
    except sqlite3.Error as error:
        raise LedgerDamaged(str(error)) from error
    if verdict != "ok":
        raise LedgerDamaged(verdict)
