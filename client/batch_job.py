"""One batch within a run: what is new is scored chunk by chunk, what is known is shown again."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from client.chunk_poster import ChunkPoster
from client.pixel_frame import pixel_columns, pixel_frame
from client.run_context import Interrupted, RunContext, ScoringFailed
from scoring.batches.image_folder import Batch, ImageList
from scoring.batches.image_reader import ImageRow
from scoring.protocol.errors import LedgerError
from scoring.protocol.prediction import RowPrediction
from scoring.records.ledger import ChunkCost, Run, ScoredImage

# Single failed images are events up to this many a batch; Results.csv names them all.
FAILURES_TOLD = 20
NOT_KNOWN = -1
LISTEN_SECONDS = 0.5

Answers = tuple[dict[int, RowPrediction], ChunkCost]


@dataclass(frozen=True)
class SentChunk:
    """Rows on their way: ``answers`` by row number, and what they cost, or why there are none."""

    rows: Sequence[ImageRow]
    answers: Future[Answers]


class BatchJob:
    """Scores the chunks of one batch within a run; use it in a ``with`` block.

    A chunk is committed while the next one is with the server, never more than one at a time.

    A nightly run touches a batch only once something new shows in it: until then the stored
    predictions it came by are remembered, 8 bytes an image.
    """

    def __init__(
        self, context: RunContext, run: Run, position: int, batch: Batch, images: ImageList
    ) -> None:
        self._context = context
        self._run = run
        self._position = position
        self._batch = batch.name
        self._images = images
        self._columns = pixel_columns(context.signature.input.row_length)
        self._touched = False
        self._known = array("q")
        self._failures = 0
        self._sent: SentChunk | None = None
        self._posting = ThreadPoolExecutor(1, thread_name_prefix="posting")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Commit the chunk that is under way still, unless the ledger or the user says no."""
        try:
            if isinstance(error, LedgerError) or (error and not isinstance(error, Exception)):
                # Nobody waits for that answer any more: no further tries.
                self._context.stop.request()
            else:
                self._commit_under_way()
        finally:
            self._posting.shutdown(wait=True)

    def touch(self) -> None:
        """Make the batch part of what the run shows."""
        ledger = self._context.ledger
        ledger.touch_batch(
            self._run.id, self._batch, self._position, self._images.printable_paths()
        )
        known = ((num, id_) for num, id_ in enumerate(self._known, start=1) if id_ != NOT_KNOWN)
        ledger.show_known(self._run.id, self._batch, known)
        self._known = array("q")
        self._touched = True

    def score_chunk(self, rows: Sequence[ImageRow]) -> None:
        """Send the new rows of a chunk; commit those of the chunk before, with what they cost."""
        new = [row for row in rows if row.known is None and not row.waits]
        if new and not self._touched:
            self.touch()
        self._remember_known(rows)
        if not new:
            return
        # A chunk that failed ends the run here, before another one is posted in vain.
        before = self._take_answered()
        readable = [row for row in new if row.pixels is not None]
        self._sent = SentChunk(new, self._posting.submit(self._predict, readable))
        self._commit(before)

    def finish(self) -> None:
        """Commit the last chunk and tell how many failures were not told one by one."""
        self._commit(self._take_answered())
        untold = self._failures - FAILURES_TOLD
        if untold > 0:
            self._event("images-failed", f"{untold} more images failed; Results.csv names them")

    def _commit_under_way(self) -> None:
        try:
            answered = self._take_answered()
        except Interrupted:
            return
        except ScoringFailed as error:
            self._event("chunk-failed", f"the last chunk before the end was not scored: {error}")
            return
        self._commit(answered)

    def _take_answered(self) -> tuple[Sequence[ImageRow], Answers] | None:
        """Wait for the answers to the chunk that was sent last, if one was."""
        sent, self._sent = self._sent, None
        if sent is None:
            return None
        # In short turns: on Windows a wait without an end does not let Ctrl-C through.
        while not wait([sent.answers], timeout=LISTEN_SECONDS).done:
            pass
        return sent.rows, sent.answers.result()

    def _commit(self, answered: tuple[Sequence[ImageRow], Answers] | None) -> None:
        if answered is None:
            return
        rows, (answers, cost) = answered
        images = [_scored_image(row, answers.get(row.num)) for row in rows]
        context = self._context
        context.ledger.commit_chunk(
            self._run.id, self._batch, context.signature.version, images, cost, context.now()
        )
        self._tell_failures(images)

    def _remember_known(self, rows: Sequence[ImageRow]) -> None:
        if self._touched:
            known = [(row.num, row.known) for row in rows if row.known is not None]
            if known:
                self._context.ledger.show_known(self._run.id, self._batch, known)
        else:
            self._known.extend(NOT_KNOWN if row.known is None else row.known for row in rows)

    def _predict(self, rows: Sequence[ImageRow]) -> Answers:
        if not rows:
            return {}, ChunkCost()
        frame = pixel_frame(rows, self._columns)
        # No name: not every folder's fits a header, and none of the server's business.
        request_id = f"{self._run.id}/{self._position}/{rows[0].num}"
        poster = ChunkPoster(self._context, self._run.id, self._batch)
        pixels: NDArray[np.uint8] = frame.to_numpy()
        predictions = poster.post(frame.index.to_list(), pixels, request_id)
        return {int(row.id): row for row in predictions}, poster.cost

    def _tell_failures(self, images: Sequence[ScoredImage]) -> None:
        for image in images:
            if image.error is not None:
                self._failures += 1
                if self._failures <= FAILURES_TOLD:
                    self._event("image-failed", f"{image.path}: {image.error}")

    def _event(self, code: str, message: str) -> None:
        self._context.events.warning(code, message, run=self._run.id, batch=self._batch)


def _scored_image(row: ImageRow, answer: RowPrediction | None) -> ScoredImage:
    if answer is None:
        error = row.error or "not scored"
        return ScoredImage(row.num, row.path, row.content_hash, error=error)
    # What preprocessing saw comes first: a background it cannot judge explains the rest.
    return ScoredImage(
        row.num,
        row.path,
        row.content_hash,
        label=answer.label,
        confidence=answer.confidence,
        review=row.review or answer.review,
    )
