"""The next chunks are read while one is scored."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Self

import cv2

from scoring.batches.image_folder import ImageList
from scoring.batches.image_reader import ImageReader, ImageRow
from scoring.records.ledger import Ledger, Run
from scoring.records.ledger_reader import LedgerReader

# Chunks decoded ahead of the one being scored: enough to keep the server busy, and no pile.
CHUNKS_AHEAD = 2


class KnownPredictions:
    """Looks up, from the reading threads, what the ledger knows of an image already.

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
        if self._reader:
            with suppress(sqlite3.Error):
                self._reader.close()

    def find(self, path: str, content_hash: str) -> int | None:
        """Return the id of the stored prediction, or None where the image is to be scored."""
        if self._reader is None:
            return None
        with self._lock:
            return self._reader.find_prediction(self._batch, path, content_hash, self._run_id)


def read_ahead(
    images: ImageList, reader: ImageReader, chunk_rows: int, threads: int
) -> Iterator[list[ImageRow]]:
    """Yield chunks of rows in order, with the next ones read while the caller scores."""
    # OpenCV must not start threads of its own inside ours.
    cv2.setNumThreads(1)
    pending: deque[list[Future[list[ImageRow]]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        for start in range(0, len(images), chunk_rows):
            names = images[start : start + chunk_rows]
            pending.append(_submit(pool, reader, start + 1, names, threads))
            if len(pending) > CHUNKS_AHEAD:
                yield _collect(pending.popleft())
        while pending:
            yield _collect(pending.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(
    pool: ThreadPoolExecutor, reader: ImageReader, first_num: int, names: list[str], threads: int
) -> list[Future[list[ImageRow]]]:
    """Spread one chunk over the threads in few large pieces: handing over costs time too."""
    piece = -(-len(names) // threads)
    return [
        pool.submit(reader.read, first_num + start, names[start : start + piece])
        for start in range(0, len(names), piece)
    ]


def _collect(pieces: list[Future[list[ImageRow]]]) -> list[ImageRow]:
    return [row for piece in pieces for row in piece.result()]
