"""The next chunks are read while one is scored."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self, TypeVar

import cv2

from scoring.batches.image_reader import ImageReader, ImageRow
from scoring.batches.reading_crew import LOOK_SECONDS, Piece, ReadingCrew
from scoring.protocol.errors import BatchUnreadable
from scoring.settings import ClientSettings, available_cores

Name = TypeVar("Name")

# Chunks decoded ahead of the one being scored: enough to keep the server busy, and no pile.
CHUNKS_AHEAD = 2
# Rows of the first chunk, where others have more: a few milliseconds of reading.
FIRST_ROWS = 64
# Files that a drive may be silent about before it is taken for gone.
SILENT_FILES = 3


def rows_of_chunk(client: ClientSettings, row_length: int) -> int:
    """Return how many pictures go to the server in one request, by their number and bytes."""
    return max(1, min(client.chunk_rows, client.chunk_bytes // row_length))


def threads_of(client: ClientSettings) -> int:
    """Return on how many threads pictures are read."""
    return client.decode_threads or available_cores()


def chunks_of(names: Sequence[Name], rows: int) -> Iterator[Sequence[Name]]:
    """Yield all names in order, ``rows`` at a time."""
    return (names[start : start + rows] for start in range(0, len(names), rows))


def growing_chunks(names: Sequence[Name], rows: int) -> Iterator[Sequence[Name]]:
    """Yield all names in order, few at first, then twice as many each time, up to ``rows``.

    The server waits for the first chunk to be read, with all of its cores.
    """
    start, size = 0, min(rows, FIRST_ROWS)
    while start < len(names):
        yield names[start : start + size]
        start, size = start + size, min(rows, 2 * size)


class OpenCvThreads:
    """OpenCV has no threads of its own inside ours; their number is the whole process's.

    The caller's is given back by the last that reads, for others may have begun meanwhile.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._before = 0

    def take(self) -> None:
        """Have OpenCV work on the threads that call it."""
        with self._lock:
            if not self._readers:
                self._before = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self._readers += 1

    def give_back(self) -> None:
        """Have it as it was, if nobody else reads."""
        with self._lock:
            self._readers -= 1
            if not self._readers:
                cv2.setNumThreads(self._before)


_opencv_threads = OpenCvThreads()


class ReadAhead:
    """Reads pictures chunk by chunk, in a ``with`` block; iterate over it once.

    ``chunks`` are what ``reader`` takes, mostly names; they are asked for as far as is read ahead.
    ``alive`` is called at least every second while it waits for the threads.
    """

    def __init__(
        self,
        chunks: Iterable[Sequence[Any]],
        reader: ImageReader,
        *,
        threads: int,
        alive: Callable[[], object] = lambda: None,
    ) -> None:
        self._chunks = chunks
        self._reader = reader
        self._threads = threads
        self._alive = alive
        self._silent = 0
        self._crew = ReadingCrew(reader, threads)

    def __enter__(self) -> Self:
        _opencv_threads.take()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._crew.close()
        finally:
            _opencv_threads.give_back()

    def __iter__(self) -> Iterator[list[ImageRow]]:
        """Yield chunks of rows in order, with the next ones read while the caller scores.

        Raises BatchUnreadable where file after file gives no answer.
        """
        pending: deque[list[Piece]] = deque()
        first_num = 1
        for chunk in self._chunks:
            pending.append(self._submit(first_num, chunk))
            first_num += len(chunk)
            if len(pending) > CHUNKS_AHEAD:
                yield self._collect(pending.popleft())
        while pending:
            yield self._collect(pending.popleft())

    def _submit(self, first_num: int, chunk: Sequence[Any]) -> list[Piece]:
        """Spread one chunk over the threads in few large pieces: handing over costs time too."""
        size = -(-len(chunk) // self._threads)
        pieces = [
            Piece(first_num + start, chunk[start : start + size])
            for start in range(0, len(chunk), size)
        ]
        for piece in pieces:
            self._crew.submit(piece)
        return pieces

    def _collect(self, pieces: list[Piece]) -> list[ImageRow]:
        rows: list[ImageRow] = []
        for first in pieces:
            piece: Piece | None = first
            while piece is not None:
                self._wait(piece)
                rows += piece.rows
                piece = piece.rest
        return rows

    def _wait(self, piece: Piece) -> None:
        """In short turns: on Windows a wait without an end does not let Ctrl-C through."""
        turn = min(LOOK_SECONDS, self._reader.file_seconds)
        while not piece.done.wait(turn):
            self._alive()
            if piece.is_stuck(self._reader):
                row = piece.leave_thread(self._reader)
                if row is not None:
                    self._go_on(piece, row)
                    return
        if piece.error:
            raise piece.error

    def _go_on(self, piece: Piece, given_up: ImageRow) -> None:
        self._silent += not given_up.content_hash
        if self._silent >= SILENT_FILES:
            raise BatchUnreadable(
                f"its drive does not answer: nothing came of {self._silent} files, "
                f"{given_up.path} the last of them"
            )
        if piece.rest:
            self._crew.replace(piece.thread, piece.rest)
