"""Threads that turn pieces of a chunk into rows; one that is stuck is left behind and replaced."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Sequence
from typing import Any

from scoring.batches.image_reader import ImageReader, ImageRow, Step

LOOK_SECONDS = 1.0
# How long the threads have to finish the file in hand when nobody needs it any more.
CLOSE_SECONDS = 5.0


class Piece:
    """Files that one thread reads in order; ``rest`` is what it could not come to."""

    def __init__(self, first_num: int, files: Sequence[Any]) -> None:
        self.first_num = first_num
        self.files = files
        self.rows: list[ImageRow] = []
        self.rest: Piece | None = None
        self.error: BaseException | None = None
        self.done = threading.Event()
        self._lock = threading.Lock()
        self.thread = 0
        self.left_behind = False
        self._step: Step | None = None

    def read(self, reader: ImageReader, step: Step, closing: threading.Event) -> None:
        """Read file by file, until somebody else goes on or nobody needs them any more."""
        # What the thread's last file was given is no part of this one's time.
        step.beat()
        self.thread, self._step = threading.get_ident(), step
        try:
            for num, file in enumerate(self.files, start=self.first_num):
                row = reader.read_one(num, file, step)
                with self._lock:
                    if self.left_behind or closing.is_set():
                        return
                    self.rows.append(row)
        except BaseException as error:
            self.error = error
        self.done.set()

    def is_stuck(self, reader: ImageReader) -> bool:
        """Tell whether one file has taken all the time it has."""
        step = self._step
        if step is None or step.phase == "alone" or reader.budget.is_waited_for(self.thread):
            return False
        return time.monotonic() - step.since > reader.file_seconds

    def leave_thread(self, reader: ImageReader) -> ImageRow | None:
        """Take the piece from a stuck thread: ``rest`` is left to do.

        Returns the row of the file that is given up; None where the thread has come to its end
        after all.
        """
        with self._lock:
            if self.done.is_set() or self._step is None:
                return None
            self.left_behind = True
        row = reader.give_up(self._step)
        reader.budget.release(self.thread)
        self.rows.append(row)
        self.done.set()
        read = len(self.rows)
        self.rest = Piece(self.first_num + read, self.files[read:])
        return row


class ReadingCrew:
    """``threads`` threads that read pieces in the order they are handed in."""

    def __init__(self, reader: ImageReader, threads: int) -> None:
        self._reader = reader
        self._pieces: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        self._slots = itertools.count()
        self._closing = threading.Event()
        self._threads = [self._start() for _ in range(threads)]

    def close(self) -> None:
        """Let every thread end after the file in hand; one that is stuck is not waited for."""
        self._closing.set()
        for _ in self._threads:
            self._pieces.put(None)
        end = time.monotonic() + CLOSE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def submit(self, piece: Piece) -> None:
        """Have a piece read."""
        self._pieces.put(piece)

    def replace(self, ident: int, rest: Piece) -> None:
        """Let a new thread take the place of one that was left behind, and first of all its rest.

        Somebody waits for that already: behind the pieces to come it might wait for ever.
        """
        self._threads = [thread for thread in self._threads if thread.ident != ident]
        self._threads.append(self._start(rest))

    def _start(self, first: Piece | None = None) -> threading.Thread:
        # Daemons: the process must be able to end though one of them never does.
        slot = next(self._slots)
        thread = threading.Thread(
            target=self._work, args=(slot, first), name=f"decode-{slot}", daemon=True
        )
        thread.start()
        return thread

    def _work(self, slot: int, first: Piece | None) -> None:
        step = Step(slot)
        piece = first or self._pieces.get()
        while piece is not None and not self._closing.is_set():
            piece.read(self._reader, step, self._closing)
            if piece.left_behind or self._closing.is_set():
                return
            self._reader.in_flight.clear(slot)
            piece = self._pieces.get()
