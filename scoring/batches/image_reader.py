"""Files of a chunk → rows that are ready to score."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace
from numpy.typing import NDArray

from scoring.batches.decode_budget import DecodeBudget
from scoring.batches.in_flight import InFlight
from scoring.batches.read_alone import read_alone
from scoring.batches.suspects import Suspects
from scoring.preprocessing.decode import DecodeError, DecodeLimits
from scoring.preprocessing.pixels import Pixels, Preprocess
from scoring.preprocessing.reading import preprocessed
from scoring.protocol.errors import InvalidPixels
from scoring.records.regular_file import is_placeholder, open_regular, read_to_end
from scoring.records.text import printable

# (path as the ledger spells it, content hash) → id of the prediction that is known already.
FindKnown = Callable[[str, str], int | None]

# A file so small, a data-set image, is held until it is scored: a picture may be kept of it.
SMALL_FILE_BYTES = 8_192
# How the error of a file begins that a decoder came to no end with, or died of: it is not tried
# again.
NO_END = "decoding it "

IN_A_CLOUD = "its content lies in a cloud, not on this machine: make it available offline"


class ImageRow(Struct):
    """One image on its way: pixels to score, or an error, or a prediction that is known.

    ``pixels`` is uint8 [H·W·C]; ``upright`` and ``original``, the bytes of a small file, are what
    a picture for people is made of; ``waits`` marks a file that is left for the next run, ``left``
    says why where that is not that it is still being written.
    """

    num: int
    path: str
    content_hash: str = ""
    pixels: NDArray[np.uint8] | None = None
    review: str | None = None
    error: str | None = None
    known: int | None = None
    waits: bool = False
    left: str = ""
    upright: tuple[int, int] | None = None
    original: bytes | None = None


class Step(Struct):
    """Where a thread is with its file, and since when (seconds of the monotonic clock).

    ``slot`` is the thread's place among those that are in flight. A thread ``alone`` waits for
    another process, which has a time limit of its own.
    """

    slot: int = 0
    row: ImageRow | None = None
    phase: Literal["reading", "decoding", "alone"] = "reading"
    since: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        """Note that the file has come further."""
        self.since = time.monotonic()


class Settling(Struct, frozen=True):
    """Tells a file that may still be being copied: it was changed within the last ``seconds``.

    A time of change well ahead of the clock says nothing: some machine's clock was wrong, and a
    file that waited for that time to come might wait for years.
    """

    seconds: float
    now: Callable[[], datetime]

    def is_unsettled(self, changed: float) -> bool:
        """``changed`` is in seconds since 1970."""
        return abs(self.now().timestamp() - changed) < self.seconds


class ImageReader(Struct, frozen=True):
    """Reads, fingerprints and preprocesses the image files of a batch; threads may share it.

    ``settling``: which files wait for the next run; None takes every file. ``file_seconds``: the
    time that one file has, to be read or to be decoded.
    """

    batch: str
    folder: str
    preprocess: Preprocess
    shape: tuple[int, int, int]
    limits: DecodeLimits
    budget: DecodeBudget
    find_known: FindKnown
    in_flight: InFlight
    suspects: Suspects
    file_seconds: float
    settling: Settling | None = None

    def read_one(self, num: int, file: Any, step: Step) -> ImageRow:
        """Return the row of one file; never raises for what is in it.

        ``file`` is its path below the folder; a subclass may take more than that.
        """
        row = ImageRow(num, self._shown(num, file))
        step.row, step.phase = row, "reading"
        step.beat()
        self.in_flight.note(step.slot, self.batch.encode(), row.path)
        try:
            self._fill(row, file, step)
        except (DecodeError, InvalidPixels) as error:
            row.error = str(error)
        except OSError as error:
            row.error = f"cannot be read: {error.strerror or error}"
        except MemoryError:
            # No hash, so that the next night tries again: others may need less by then.
            row.content_hash = ""
            row.error = "there is not enough memory to decode it: shrink it"
        except Exception as error:
            # A bug, but one file's: the others are none the worse for it.
            row.error = f"this program cannot read it, please report it: {error!r}"
        finally:
            self.budget.release()
        return row

    def give_up(self, step: Step) -> ImageRow:
        """Return the row of the file that a thread is stuck with.

        A drive that does not answer may do so tomorrow; a decoder that comes to no end will not.
        """
        assert step.row
        row = replace(step.row, pixels=None)
        if step.phase == "reading":
            self._leave(row, f"its drive gave nothing for {self.file_seconds:g} s")
        else:
            row.error = f"{NO_END}takes more than {self.file_seconds:g} s: save it again"
        return row

    def _shown(self, num: int, file: Any) -> str:
        """Return what a file goes by in ledger, results and messages."""
        return printable(file)

    def _open(self, file: str) -> tuple[int, os.stat_result]:
        return open_regular(f"{self.folder}/{file}")

    def _fill(self, row: ImageRow, file: Any, step: Step) -> None:
        data = self._read_bytes(file, row, step)
        if data is None:
            return
        row.content_hash = hashlib.sha256(data).hexdigest()
        row.known = self.find_known(row.path, row.content_hash)
        if row.known is None:
            self._see(row, data, step)
            self.suspects.acquit(self.batch, row.path)

    def _see(self, row: ImageRow, data: bytes, step: Step) -> None:
        """Make the model's pixels of an image file's bytes."""
        step.phase = "decoding"
        step.beat()
        pixels = self._decode(row.path, data, step)
        row.pixels = pixels.values
        row.review = pixels.remark
        row.upright = pixels.upright
        if len(data) <= SMALL_FILE_BYTES:
            row.original = data

    def _decode(self, path: str, data: bytes, step: Step) -> Pixels:
        if self.suspects.is_suspect(self.batch, path):
            step.phase = "alone"
            return read_alone(data, self.preprocess, self.shape, self.limits, self.file_seconds)
        try:
            return preprocessed(self.preprocess, data, self.shape, self.limits)
        except MemoryError:
            pass  # and with it all that the decoder had made so far
        self.budget.release()
        self.budget.reserve_all()
        step.beat()
        return preprocessed(self.preprocess, data, self.shape, self.limits)

    def _read_bytes(self, file: str, row: ImageRow, step: Step) -> bytes | None:
        """Return the file's bytes, or None where the row is complete without them."""
        handle, status = self._open(file)
        try:
            if self.settling and self.settling.is_unsettled(status.st_mtime):
                row.waits = True
                return None
            if is_placeholder(status):
                self._leave(row, IN_A_CLOUD)
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
            return read_to_end(handle, status.st_size, self.limits.max_bytes, step.beat)
        finally:
            os.close(handle)

    def _leave(self, row: ImageRow, why: str) -> None:
        """Leave a file for the next night; whoever scores by hand is told at once."""
        if self.settling:
            row.waits, row.left = True, why
        else:
            row.error = why
