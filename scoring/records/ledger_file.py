"""The ledger's place on the disk: is it there, was it ever, which copies of it are there?

SQLite would take a file that is gone or empty for a new database, without a word.
"""

from __future__ import annotations

import stat
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from scoring.protocol.errors import LedgerDamaged, LedgerError
from scoring.settings import Settings

# What SQLite keeps beside a database in WAL mode belongs to it, and to no other.
SIDE_FILES = ("", "-wal", "-shm")
BACKUPS = "ledger-*.db"
# It does not bear the ledger's name first: who removes ledger.db* would remove it, too.
MARK = ".{name}.made"
MARK_TEXT = (
    "{name} was made here. Where it is gone, its latest backup takes its place at the next start."
    " To begin anew, remove this file, the ledger and its backups.\n"
)


def backup_name(now: datetime) -> str:
    """Return the file name of a day's backup; names sort by age."""
    return f"ledger-{now:%Y-%m-%d}.db"


def backups_by_age(folder: Path, now: datetime) -> list[Path]:
    """Return the backups, newest first.

    One of a day to come was made under a clock that was wrong: it counts as older than the rest.
    """
    today = backup_name(now)
    backups = sorted(folder.glob(BACKUPS), key=lambda path: path.name, reverse=True)
    return sorted(backups, key=lambda path: path.name > today)


def mark_made(ledger: Path) -> None:
    """Note beside a ledger that it has been made, for the day on which it is gone."""
    mark = _mark(ledger)
    # Without the note only a loss before the first backup would pass in silence.
    with suppress(OSError):
        if not mark.exists():
            mark.write_text(MARK_TEXT.format(name=ledger.name), encoding="utf-8")


def is_there(settings: Settings) -> bool:
    """Tell whether there is a ledger; False: there never was one.

    Raises LedgerDamaged where it is gone or empty, or something else stands in its place, but
    backups or the note beside it say that it was there; LedgerError where what stands in its place
    was none.
    """
    path = settings.ledger_file
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        status = None
    except OSError as error:
        raise LedgerError(f"{path} cannot be used: {error.strerror}") from error
    if status and stat.S_ISREG(status.st_mode) and status.st_size:
        return True
    why = _was_there(settings)
    if why:
        raise LedgerDamaged(f"{path} is empty or gone, though {why}")
    if status and not stat.S_ISREG(status.st_mode):
        raise LedgerError(f"{path} is a folder, a pipe or a device; a file is to be made there")
    return False


def _was_there(settings: Settings) -> str:
    """Return what says that there was a ledger, if anything does."""
    if any(settings.backups_folder.glob(BACKUPS)):
        return "there are backups of it"
    return "it was made here once" if _mark(settings.ledger_file).exists() else ""


def _mark(ledger: Path) -> Path:
    return ledger.with_name(MARK.format(name=ledger.name))
