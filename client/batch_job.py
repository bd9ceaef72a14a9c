"""One batch within a run: what is new is scored chunk by chunk, what is known is shown again."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray

from client.batch_events import BatchEvents
from client.chunk_poster import ScoringFailed
from client.run_context import RunContext, Task
from client.scoring_stream import answer_of
from client.stop_signal import Interrupted
from client.tries import Tries
from scoring.batches.image_folder import ImageList
from scoring.batches.image_reader import ImageRow
from scoring.preprocessing.image_statistics import image_statistics
from scoring.protocol.errors import LedgerError
from scoring.protocol.prediction import RowPrediction, join_reasons
from scoring.records.ledger import ChunkCost, Model, Run, ScoredImage

NOT_KNOWN = -1

# The images of a chunk as they are to be written down, and what it took to score them.
Scored = tuple[list[ScoredImage], ChunkCost]


class BatchJob:
    """Scores the chunks of one batch within a run; use it in a ``with`` block.

    Up to ``client.chunks_in_flight`` chunks a server are under way while those before are
    committed, in order.

    A batch is touched, made part of what the run shows, once something is new in it, or else at
    its end where it ``is_shown`` all the same, or where Results.csv says of what is known that it
    was not seen. Until then the stored predictions that the run came by are remembered, 8 bytes an
    image.
    """

    def __init__(
        self,
        context: RunContext,
        run: Run,
        task: Task,
        images: ImageList,
        is_shown: bool,
    ) -> None:
        self._context = context
        self._run = run
        self._position = task.position
        self._batch = task.batch.name
        self._images = images
        self._is_shown = is_shown
        self._events = BatchEvents(context.events, run.id, task.batch.name)
        self._tries = Tries(context.settings.client, context.stop, self._events.try_failed)
        self._signature = task.signature
        self._touched = False
        self._known = array("q")
        in_flight = context.settings.client.chunks_in_flight
        self._most = in_flight * len(context.client.servers)
        self._sent: deque[Future[Scored]] = deque()
        self._posting = ThreadPoolExecutor(self._most, thread_name_prefix="posting")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Commit the chunks that are under way still, unless the ledger or the user says no."""
        try:
            if isinstance(error, LedgerError) or (error and not isinstance(error, Exception)):
                # Nobody waits for those answers any more: no further tries.
                self._context.stop.give_up()
            else:
                if self._is_shown:
                    self._touch()
                self._commit_under_way()
        finally:
            self._posting.shutdown(wait=True)

    def score_chunk(self, rows: Sequence[ImageRow]) -> None:
        """Send the new rows of a chunk; commit those of chunks before, with what they cost."""
        for row in rows:
            if row.left:
                self._events.image_left(row.path, row.left)
        new = [row for row in rows if row.known is None and not row.waits]
        self._remember_known(rows)
        if not new:
            return
        # A chunk that failed ends the run here, before another one is posted in vain; one that is
        # answered is committed while the new one is with the server.
        answered = self._make_room()
        self._sent.append(self._posting.submit(self._predict, new))
        # Ten thousand names take 50 ms to write down: the server is at work meanwhile.
        self._touch()
        self._commit(answered)

    def finish(self) -> None:
        """Commit the last chunks and tell how much was not told one by one."""
        while self._sent:
            self._commit(self._answer(self._sent.popleft()))
        if not self._touched and self._has_come_back():
            self._touch()
        self._events.finish()

    def _has_come_back(self) -> bool:
        """Tell whether an image is known that Results.csv shows as waiting or not to be read."""
        unread = self._context.ledger.unread_images(self._batch)
        if not unread:
            return False
        paths = self._images.printable_paths()
        return any(
            path in unread
            for path, id_ in zip(paths, self._known, strict=False)
            if id_ != NOT_KNOWN
        )

    def _touch(self) -> None:
        """Make the batch part of what the run shows, once."""
        if self._touched:
            return
        ledger, signature = self._context.ledger, self._signature
        ledger.touch_batch(
            self._run.id,
            self._batch,
            self._position,
            self._images.printable_paths(),
            Model(signature.name, signature.version),
        )
        known = ((num, id_) for num, id_ in enumerate(self._known, start=1) if id_ != NOT_KNOWN)
        ledger.show_known(self._run.id, self._batch, known)
        self._known = array("q")
        self._touched = True

    def _commit_under_way(self) -> None:
        while self._sent:
            try:
                scored = self._answer(self._sent.popleft())
            except Interrupted:
                continue
            except ScoringFailed as error:
                self._events.chunk_failed(error)
            else:
                self._commit(scored)

    def _make_room(self) -> Scored | None:
        """Wait until one more chunk may be sent; commit what is answered, but for the last.

        Returns that one. Raises what kept a chunk from its answer, once those before it are
        committed.
        """
        last: Scored | None = None
        try:
            while self._sent and (len(self._sent) == self._most or self._sent[0].done()):
                answered = self._answer(self._sent.popleft())
                self._commit(last)
                last = answered
        except (Interrupted, ScoringFailed):
            self._commit(last)
            raise
        return last

    def _answer(self, sent: Future[Scored]) -> Scored:
        return answer_of(sent)

    def _commit(self, scored: Scored | None) -> None:
        if scored is None:
            return
        images, cost = scored
        context = self._context
        context.ledger.commit_chunk(
            self._run.id, self._batch, self._signature.version, images, cost, context.now()
        )
        for image in images:
            if image.error is not None:
                self._events.image_failed(image.path, image.error)

    def _remember_known(self, rows: Sequence[ImageRow]) -> None:
        if self._touched:
            known = [(row.num, row.known) for row in rows if row.known is not None]
            if known:
                self._context.ledger.show_known(self._run.id, self._batch, known)
        else:
            self._known.extend(NOT_KNOWN if row.known is None else row.known for row in rows)

    def _predict(self, rows: Sequence[ImageRow]) -> Scored:
        """Return what is to be written down of the rows; those without pixels have an error."""
        readable = [row for row in rows if row.pixels is not None]
        failed = [
            ScoredImage(row.num, row.path, row.content_hash, error=row.error or "not scored")
            for row in rows
            if row.pixels is None
        ]
        if not readable:
            return failed, ChunkCost()
        # One long row, folded: to stack them, NumPy looks at each by itself.
        pixels = np.concatenate([cast(NDArray[np.uint8], row.pixels) for row in readable])
        pixels = pixels.reshape(len(readable), -1)
        # No name: not every folder's fits a header, and none of the server's business.
        request_id = f"{self._run.id}/{self._position}/{readable[0].num}"
        context = self._context
        answer = context.client.score_rows(
            self._signature, [row.num for row in readable], pixels, request_id, self._tries
        )
        scored = list(_scored(readable, answer.predictions, pixels))
        self._remember_seen(readable, scored)
        return [*scored, *failed], answer.cost

    def _remember_seen(self, rows: Sequence[ImageRow], scored: Sequence[ScoredImage]) -> None:
        """Remember what pictures will be kept of, as far as that can be known by now."""
        wanted = {image.num for image in scored if image.review is not None}
        # A small file is read again in less time than it takes to reckon whether it will be wanted.
        large = [image for row, image in zip(rows, scored, strict=True) if row.original is None]
        wanted |= self._context.likely.among(self._run.id, self._batch, large)
        self._context.seen.remember(self._signature.version, rows, wanted)


def _scored(
    rows: Sequence[ImageRow], predictions: Sequence[RowPrediction], pixels: NDArray[np.uint8]
) -> Iterator[ScoredImage]:
    """Yield what the model saw in each row, with the statistics of its pixels."""
    statistics = zip(*(values.tolist() for values in image_statistics(pixels)), strict=True)
    for row, answer, figures in zip(rows, predictions, statistics, strict=True):
        # What preprocessing saw comes first: a background it cannot judge explains the rest.
        yield ScoredImage(
            row.num,
            row.path,
            row.content_hash,
            answer.label,
            answer.confidence,
            join_reasons(row.review, answer.review),
            None,
            answer.second_label,
            answer.second_confidence,
            answer.outlier_score,
            *figures,
        )
