"""What a run remembers of images until pictures of them are kept.

The server's answer says which are flagged when their pixels are still at hand; to read and decode
their files once more would take longer than all the rest of keeping them.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import IO, Self

import numpy as np

from scoring.batches.image_reader import ImageRow
from scoring.batches.picture_reader import Remembered
from scoring.settings import Settings

# Ten thousand flagged data-set images fit into memory; photographs go to a file without a name.
MEMORY_BYTES = 16_000_000
MOST_BYTES = 2_000_000_000

# Where an image lies: offset, bytes of pixels, bytes of the original (0: none), height and width.
Place = tuple[int, int, int, tuple[int, int] | None]


class SeenSpool:
    """Holds pixels and small files by model and content, in a ``with`` block; threads may share it.

    Without room, on the disk or by ``most``, no more is taken in: the files are read again then.
    """

    def __init__(self, folder: Path | None = None, most: int = MOST_BYTES) -> None:
        """Begin; a file is made in ``folder``, by default the system's, once it is needed."""
        self._folder = folder
        self._most = most
        self._lock = threading.Lock()
        self._places: dict[tuple[str, str], Place] = {}
        self._file: IO[bytes] | None = None
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget all of it."""
        with self._lock:
            self._places.clear()
            if self._file:
                self._file.close()
            self._file, self._end = None, 0

    def remember(
        self, model_version: str, rows: Sequence[ImageRow], wanted: Collection[int]
    ) -> None:
        """Take in those of some rows whose numbers are ``wanted``."""
        if not wanted:
            return
        with self._lock:
            for row in rows:
                if row.num in wanted and row.pixels is not None and row.content_hash:
                    self._take_in(model_version, row)

    def recall(self, model_version: str, content_hash: str) -> Remembered | None:
        """Return what is there of a content, as that model saw it."""
        with self._lock:
            place = self._places.get((model_version, content_hash))
            if place is None or self._file is None:
                return None
            offset, pixels, original, upright = place
            try:
                self._file.seek(offset)
                data = self._file.read(pixels + original)
            except OSError:
                return None
        if len(data) != pixels + original:
            return None
        return Remembered(
            np.frombuffer(data, np.uint8, count=pixels), data[pixels:] or None, upright
        )

    def _take_in(self, model_version: str, row: ImageRow) -> None:
        assert row.pixels is not None
        original = row.original or b""
        size = row.pixels.size + len(original)
        key = (model_version, row.content_hash)
        if key in self._places or self._end + size > self._most:
            return
        try:
            if self._file is None:
                folder = str(self._folder) if self._folder else None
                self._file = tempfile.SpooledTemporaryFile(MEMORY_BYTES, dir=folder)
            self._file.seek(self._end)
            self._file.write(row.pixels.data)
            self._file.write(original)
        except OSError:
            self._most = 0
            return
        self._places[key] = (
            self._end, row.pixels.size, len(original), row.upright
        )  # fmt: skip
        self._end += size


def seen_spool(settings: Settings) -> SeenSpool:
    """Return the spool of a run; one that takes nothing in where no pictures are kept."""
    most = min(MOST_BYTES, settings.records.pictures_bytes)
    return SeenSpool(settings.ledger_file.parent, most)
