"""A damaged ledger is set aside and the latest good backup takes its place.

Whoever calls holds the run lock: nobody else writes predictions meanwhile.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path

from scoring.protocol.errors import LedgerDamaged, LedgerError
from scoring.records import alerts
from scoring.records.atomic_file import remove_leftovers, replacing
from scoring.records.database import make_private
from scoring.records.events_log import EventsLog
from scoring.records.ledger import FIRST_START, Ledger
from scoring.records.ledger_file import SIDE_FILES, backups_by_age
from scoring.settings import Settings

# A run that is due at this very moment stays due.
MOMENT = timedelta(minutes=1)


def recover_ledger(
    settings: Settings, events: EventsLog, damage: LedgerDamaged, now: datetime
) -> None:
    """Put the latest backup that is whole in the place of a damaged ledger, else a fresh one.

    Raises LedgerError where the file cannot be moved (on Windows: somebody has it open).
    """
    path = settings.ledger_file
    if _is_in_use(path):
        events.error(damage.code, f"{damage}. What is there now is whole, and goes on from there")
        return
    try:
        aside = _set_aside(path, now)
        backup = _restore(path, backups_by_age(settings.backups_folder, now))
    except OSError as error:
        raise LedgerError(f"{damage}, and cannot be set aside: {error}") from error
    source = f"the backup {backup.name}" if backup else "an empty one; there is no good backup"
    kept = f"It was set aside as {aside.name} and replaced" if aside.exists() else "It is replaced"
    text = f"{damage}. {kept} by {source}; what was scored since then is scored again"
    events.error(damage.code, text)
    with Ledger(path, settings.records.busy_seconds) as ledger:
        if backup is None:
            ledger.set_fact(FIRST_START, _due_again_since(settings, now).isoformat())
        alerts.tell_restored(ledger.database, text, now)


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


def _is_in_use(path: Path) -> bool:
    """Tell whether somebody put another ledger in the place of the lost one, with runs in it."""
    try:
        return path.is_file() and _count_runs(path) > 0
    except LedgerDamaged:
        return False


def _restore(path: Path, backups: Sequence[Path]) -> Path | None:
    """Copy the newest backup that passes SQLite's check into place; return which one."""
    remove_leftovers(path)
    for backup in backups:
        try:
            with replacing(path) as part:
                make_private(part)
                shutil.copyfile(backup, part)
                _count_runs(part)
        except LedgerDamaged:
            continue
        return backup
    return None


def _count_runs(path: Path) -> int:
    """Return how many runs a ledger knows; raises LedgerDamaged where SQLite finds it broken."""
    try:
        with closing(sqlite3.connect(path)) as database:
            (verdict,) = database.execute("PRAGMA integrity_check(1)").fetchone()
            (runs,) = database.execute("SELECT count(*) FROM runs").fetchone()
    except sqlite3.Error as error:
        raise LedgerDamaged(str(error)) from error
    if verdict != "ok":
        raise LedgerDamaged(verdict)
    return int(runs)
