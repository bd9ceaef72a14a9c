"""Files of a chunk → rows that are ready to score."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from scoring.batches.regular_file import open_regular, read_to_end
from scoring.preprocessing.decode import DecodeError, DecodeLimits
from scoring.preprocessing.pixels import Preprocess
from scoring.records.text import printable

# (path as the ledger spells it, content hash) → id of the prediction that is known already.
FindKnown = Callable[[str, str], int | None]


@dataclass(slots=True)
class ImageRow:
    """One image on its way: pixels to score, or an error, or a prediction that is known.

    ``pixels`` is uint8 [H·W·C]; ``waits`` marks a file that is still being written.
    """

    num: int
    path: str
    content_hash: str = ""
    pixels: NDArray[np.uint8] | None = None
    review: str | None = None
    error: str | None = None
    known: int | None = None
    waits: bool = False


@dataclass(frozen=True)
class Settling:
    """Tells a file that may still be being copied: it was changed within the last ``seconds``.

    A time of change well ahead of the clock says nothing: some machine's clock was wrong, and a
    file that waited for that time to come might wait for years.
    """

    seconds: float
    now: Callable[[], datetime]

    def is_unsettled(self, changed: float) -> bool:
        """``changed`` is in seconds since 1970."""
        return abs(self.now().timestamp() - changed) < self.seconds


@dataclass(frozen=True)
class ImageReader:
    """Reads, fingerprints and preprocesses image files; threads may share it.

    ``settling``: which files wait for the next run; None takes every file.
    """

    folder: str
    preprocess: Preprocess
    shape: tuple[int, int, int]
    limits: DecodeLimits
    find_known: FindKnown
    settling: Settling | None = None

    def read(self, first_num: int, names: Sequence[str]) -> list[ImageRow]:
        """Return one row for each name, numbered from ``first_num``; never raises for a file."""
        return [self._read_one(num, name) for num, name in enumerate(names, start=first_num)]

    def _read_one(self, num: int, name: str) -> ImageRow:
        row = ImageRow(num, printable(name))
        try:
            data = self._read_bytes(name, row)
            if data is None:
                return row
            row.content_hash = hashlib.sha256(data).hexdigest()
            row.known = self.find_known(row.path, row.content_hash)
            if row.known is None:
                pixels = self.preprocess(data, self.shape, self.limits)
                row.pixels, row.review = pixels.values, pixels.review
        except DecodeError as error:
            row.error = str(error)
        except OSError as error:
            row.error = f"cannot be read: {error.strerror or error}"
        return row

    def _read_bytes(self, name: str, row: ImageRow) -> bytes | None:
        """Return the file's bytes, or None where the row is complete without them."""
        handle = open_regular(f"{self.folder}/{name}")
        try:
            status = os.fstat(handle)
            if self.settling and self.settling.is_unsettled(status.st_mtime):
                row.waits = True
                return None
            if status.st_size > self.limits.max_bytes:
                # Not read, so not hashed; yet every night it is the same file, and no new one.
                row.content_hash = (
                    f"{status.st_size} bytes over {self.limits.max_bytes}, of {status.st_mtime_ns}"
                )
                row.known = self.find_known(row.path, row.content_hash)
                row.error = f"{status.st_size} bytes; files up to {self.limits.max_bytes} are read"
                return None
            # A file that grows while it is read stops at the limit.
            return read_to_end(handle, status.st_size, self.limits.max_bytes)
        finally:
            os.close(handle)
