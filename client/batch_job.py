"""One batch within a run: what is new is scored chunk by chunk, what is known is shown again."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from client.chunk_poster import ChunkPoster
from client.image_folder import Batch, ImageList
from client.pixel_frame import ImageRow, pixel_columns, pixel_frame
from client.run_context import RunContext
from scoring.protocol.prediction import RowPrediction
from scoring.records.ledger import ChunkCost, Run, ScoredImage

# Single failed images are events up to this many a batch; Results.csv names them all.
FAILURES_TOLD = 20
NOT_KNOWN = -1


class BatchJob:
    """Scores the chunks of one batch within a run.

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
        """Score the new rows of a chunk and commit them with what they cost."""
        new = [row for row in rows if row.known is None and not row.waits]
        if new and not self._touched:
            self.touch()
        self._remember_known(rows)
        if not new:
            return
        answers, cost = self._predict([row for row in new if row.pixels is not None])
        images = [_scored_image(row, answers.get(row.num)) for row in new]
        context = self._context
        context.ledger.commit_chunk(
            self._run.id, self._batch, context.signature.version, images, cost, context.now()
        )
        self._tell_failures(images)

    def finish(self) -> None:
        """Tell what waits for the next run and how many failures were not told one by one."""
        untold = self._failures - FAILURES_TOLD
        if untold > 0:
            self._event("images-failed", f"{untold} more images failed; Results.csv names them")

    def _remember_known(self, rows: Sequence[ImageRow]) -> None:
        if self._touched:
            known = [(row.num, row.known) for row in rows if row.known is not None]
            if known:
                self._context.ledger.show_known(self._run.id, self._batch, known)
        else:
            self._known.extend(NOT_KNOWN if row.known is None else row.known for row in rows)

    def _predict(self, rows: Sequence[ImageRow]) -> tuple[dict[int, RowPrediction], ChunkCost]:
        if not rows:
            return {}, ChunkCost()
        frame = pixel_frame(rows, self._columns)
        request_id = f"{self._run.id}/{self._batch}/{rows[0].num}"
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
