"""Looks whether the settings files change while the scheduler is up."""

from __future__ import annotations

import time
from pathlib import Path

from scoring.settings import LOCAL_FILE, TRACKED_FILE, Settings, is_shown

# A file that is just being written is left alone for a moment.
SETTLE_SECONDS = 1.0

Stamp = tuple[tuple[int, int] | None, ...]


class SettingsWatch:
    """Compares when the files were written with when they were at the last look."""

    def __init__(self, project: Path) -> None:
        self._files = [project / name for name in (TRACKED_FILE, LOCAL_FILE)]
        self._seen = self._stamp()

    def has_news(self) -> bool:
        """Tell once for each change that a file has changed; cheap, and reads none."""
        stamp = self._stamp()
        if stamp == self._seen or self.is_being_written():
            return False
        self._seen = stamp
        return True

    def is_being_written(self) -> bool:
        """Tell whether a file has changed this very moment, and may be half of what it will be."""
        ages = [time.time() - times[0] / 1e9 for times in self._stamp() if times]
        return any(0 <= age < SETTLE_SECONDS for age in ages)

    def _stamp(self) -> Stamp:
        return tuple(_times(file) for file in self._files)


def _times(file: Path) -> tuple[int, int] | None:
    """Return a file's time of change in nanoseconds and its size; None without the file."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def settings_that_differ(old: Settings, new: Settings) -> list[str]:
    """Return what has changed, like ``schedule.zone = UTC``; of what may hold a secret the name."""
    before, after = old.tables(), new.tables()
    return [
        f"{name} = {value}" if is_shown(Settings, section, key) else name
        for section, table in after.items()
        for key, value in {**dict.fromkeys(before[section]), **table}.items()
        if value != before[section].get(key) and (name := f"{section}.{key}")
    ]
