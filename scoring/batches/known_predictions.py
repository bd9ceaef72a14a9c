"""What the ledger knows of an image already, asked from the reading threads."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from typing import Self

from scoring.records.ledger import Ledger, Run
from scoring.records.ledger_reader import LedgerReader


class KnownPredictions:
    """Looks up stored predictions; one connection that the threads take turns with.

    A run over new images knows the predictions of any model; a resumed run over all images
    those it wrote itself before it was interrupted; a fresh one knows nothing.
    """

    def __init__(self, ledger: Ledger, run: Run, batch: str, resumed: bool) -> None:
        self._batch = batch
        self._run_id = run.id if run.scope == "all" else None
        self._needed = resumed or run.scope == "new"
        self._ledger = ledger
        self._lock = threading.Lock()
        self._reader: LedgerReader | None = None

    def __enter__(self) -> Self:
        if self._needed:
            self._reader = self._ledger.open_reader()
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that was left behind with a stuck file may ask once more, later.
        with self._lock:
            reader, self._reader = self._reader, None
        if reader:
            with suppress(sqlite3.Error):
                reader.close()

    def find(self, path: str, content_hash: str) -> int | None:
        """Return the id of the stored prediction, or None where the image is to be scored."""
        if self._reader is None:
            return None
        with self._lock:
            if self._reader is None:
                return None
            return self._reader.find_prediction(self._batch, path, content_hash, self._run_id)
