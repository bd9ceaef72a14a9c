"""A spare connection to the ledger while people press keys.

Whoever closes the last connection to a ledger has SQLite copy its write-ahead log into it: waits
for the disk with every key, more than all else a key takes. It is closed soon after the last key,
so that a run finds nobody who holds a ledger that it sets aside.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

IDLE_SECONDS = 5.0
BUSY_SECONDS = 1.0


class KeptOpen:
    """Keeps a ledger's file open for a while after each ``touch``; for all threads."""

    def __init__(self, path: Path, idle_seconds: float = IDLE_SECONDS) -> None:
        self._path = path
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._timer: threading.Timer | None = None

    def touch(self) -> None:
        """Keep it open from now on for as long as one is idle."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            if self._connection is None:
                self._open()
            self._timer = threading.Timer(self._idle_seconds, self.close)
            self._timer.daemon = True
            self._timer.start()

    def close(self) -> None:
        """Close it; it is opened again with the next key."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _open(self) -> None:
        # Where that fails, keys only take longer.
        with suppress(sqlite3.Error):
            connection = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode=rw",
                timeout=BUSY_SECONDS,
                uri=True,
                check_same_thread=False,
            )
            self._connection = connection
            # Only who has read has the write-ahead log open.
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
