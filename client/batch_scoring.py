"""The batch job, top to bottom: folder → rows → chunks → predictions → ledger → Results.csv."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from client.api import ScoringClient
from client.image_folder import Batch, ImageList, list_images
from client.pixel_frame import (
    ImageReader,
    ImageRow,
    pixel_columns,
    pixel_frame,
    settled_before,
)
from client.progress import ProgressView
from client.retry_policy import HttpRefusal, can_heal, failure, retrying
from client.stop_signal import StopSignal
from scoring.preprocessing.decode import DecodeLimits
from scoring.preprocessing.pixels import Preprocess
from scoring.preprocessing.registry import find
from scoring.protocol.errors import (
    BatchMissing,
    ExitCode,
    LedgerDamaged,
    LedgerError,
    ScoringError,
)
from scoring.protocol.prediction import BadResponse, RowPrediction
from scoring.protocol.signature import Signature
from scoring.records.atomic_file import copy_atomic
from scoring.records.events_log import EventsLog
from scoring.records.ledger import ChunkCost, Ledger, Run, Scope, ScoredImage, State
from scoring.records.metrics_log import metrics_file, write_metrics
from scoring.records.results_csv import CsvFormat, write_results
from scoring.settings import Settings, available_cores

# Chunks decoded ahead of the one being scored: enough to keep the server busy, and no pile.
CHUNKS_AHEAD = 2
# Single failed images are events up to this many a batch; Results.csv names them all.
FAILURES_TOLD = 20
NOT_KNOWN = -1


class Interrupted(ScoringError):
    """The run was stopped and can be resumed."""

    code = "interrupted"
    exit_code = ExitCode.PARTIAL


class ScoringFailed(ScoringError):
    """The run cannot go on: no answer after all tries, or one that cannot be trusted."""

    code = "scoring-failed"


@dataclass(frozen=True)
class RunRequest:
    """What to score: ``due_date`` for a nightly run, ``scope`` "new" for unscored images only."""

    batches: tuple[Batch, ...]
    scope: Scope
    due_date: date | None = None
    fresh: bool = False


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended; ``results`` is where Results.csv went, None where it was left alone."""

    run_id: str
    state: State
    reason: str
    images: int
    failed: int
    flagged: int
    mean_confidence: float | None
    seconds: float
    results: Path | None
    metrics: Path

    @property
    def exit_code(self) -> ExitCode:
        codes = {"done": ExitCode.DONE, "partial": ExitCode.PARTIAL}
        return codes.get(self.state, ExitCode.FAILED)


@dataclass
class BatchScoring:
    """One run over some batches; build it, then call ``run``."""

    settings: Settings
    client: ScoringClient
    signature: Signature
    ledger: Ledger
    events: EventsLog
    progress: ProgressView
    stop: StopSignal
    now: Callable[[], datetime]
    started: float

    def run(self, request: RunRequest) -> RunOutcome:
        """Score what is asked and write it down; raises Interrupted or ScoringError."""
        preprocess = find(self.signature.preprocessing.name, self.signature.preprocessing.version)
        run, resumed = self._start_or_resume(request)
        state: State
        try:
            with self.progress:
                for position, batch in enumerate(request.batches):
                    self._score_batch(run, resumed, position, batch, preprocess)
            state, reason = self._verdict(run)
        except Interrupted:
            if not self.stop.window_over:
                self.events.warning("run-interrupted", "stopped; it can be resumed", run=run.id)
                raise
            state, reason = "partial", "the run window ended; the next run takes what is left"
        except LedgerDamaged:
            raise
        except (ScoringFailed, BatchMissing, LedgerError) as error:
            state, reason = "failed", str(error)
        return self._close(run, state, reason)

    # Start

    def _start_or_resume(self, request: RunRequest) -> tuple[Run, bool]:
        interrupted = self._find_interrupted(request)
        if interrupted:
            self.ledger.take_over_run(interrupted.id, self.signature.name, self.signature.version)
            self.events.info("run-resumed", "an interrupted run goes on", run=interrupted.id)
            return interrupted, True
        run = new_run(request, self.signature, self.now())
        self.ledger.start_run(run)
        names = ", ".join(batch.name for batch in request.batches)
        self.events.info("run-started", f"{run.kind}, {run.scope} images of: {names}", run=run.id)
        return run, False

    def _find_interrupted(self, request: RunRequest) -> Run | None:
        """Return the run this request goes on with; close other runs nobody works on any more."""
        if request.due_date:
            return self._running_nightly(request.due_date)
        wanted = tuple(batch.name for batch in request.batches)
        found = None
        for run in self.ledger.running():
            if run.kind != "manual":
                continue
            same = (run.batches, run.scope) == (wanted, request.scope)
            if same and run.model_version == self.signature.version and not request.fresh:
                found = run
            elif set(run.batches) & set(wanted):
                reason = "interrupted, and replaced by a later run"
                self.ledger.finish_run(run.id, "partial", reason, self.now())
        return found

    def _running_nightly(self, due_date: date) -> Run | None:
        run = self.ledger.nightly_run(due_date)
        if run and run.state != "running":
            raise ScoringError(f"the run of {due_date} is {run.state} already")
        return run

    # Batches

    def _score_batch(
        self, run: Run, resumed: bool, position: int, batch: Batch, preprocess: Preprocess
    ) -> None:
        images = list_images(batch.folder)
        if images.skipped:
            self.events.warning(
                "files-skipped",
                f"{images.skipped} entries are no image files (links, pipes, other suffixes)",
                run=run.id,
                batch=batch.name,
            )
        job = BatchJob(self, run, position, batch, images)
        if run.scope == "all" or self.ledger.is_touched(run.id, batch.name):
            job.touch()
        self.progress.start_batch(batch.name, len(images))
        with self._reader(run, resumed, batch, preprocess) as reader:
            for rows in read_ahead(images, reader, self._chunk_rows, self._decode_threads):
                job.score_chunk(rows)
                self.progress.advance(len(rows))
                self.raise_if_stopped()
        job.finish()

    @contextmanager
    def _reader(
        self, run: Run, resumed: bool, batch: Batch, preprocess: Preprocess
    ) -> Iterator[ImageReader]:
        client = self.settings.client
        nightly = run.kind == "nightly"
        with KnownPredictions(self.ledger, run, batch.name, resumed) as known:
            yield ImageReader(
                folder=str(batch.folder),
                preprocess=preprocess,
                shape=self.signature.input.shape,
                limits=DecodeLimits(
                    max_pixels=client.max_image_pixels, max_bytes=client.max_file_bytes
                ),
                find_known=known.find,
                settled_before=(
                    settled_before(self.settings.schedule.settle_seconds) if nightly else None
                ),
            )

    @property
    def _chunk_rows(self) -> int:
        client = self.settings.client
        return max(1, min(client.chunk_rows, client.chunk_bytes // self.signature.input.row_length))

    @property
    def _decode_threads(self) -> int:
        return self.settings.client.decode_threads or available_cores()

    def raise_if_stopped(self) -> None:
        """Raise Interrupted once a stop is asked for."""
        if self.stop.requested:
            raise Interrupted("stopped before all images were scored")

    # End

    def _verdict(self, run: Run) -> tuple[State, str]:
        done = self.ledger.run_summary(run.id)
        limit = self.settings.client.max_failed_percent
        if done.images and 100 * done.failed / done.images > limit:
            return "failed", f"{done.failed} of {done.images} images failed, more than {limit:g} %"
        return "done", "" if done.images else "0 new images"

    def _close(self, run: Run, state: State, reason: str) -> RunOutcome:
        """Write Results.csv, then the run's end, then what can be made again from the ledger."""
        results: Path | None = None
        try:
            results = self._write_results(run)
        except OSError as error:
            state, reason = "failed", f"Results.csv could not be written: {error}"
        seconds = time.monotonic() - self.started
        for batch in run.batches:
            self.ledger.close_batch(run.id, batch, seconds)
        self.ledger.finish_run(run.id, state, reason, self.now())
        outcome = self._outcome(run, state, reason, seconds, results)
        self._tell(outcome)
        self._write_metrics(run)
        return outcome

    def _write_results(self, run: Run) -> Path | None:
        """Write the results and the run's own copy; nothing touched leaves Results.csv alone."""
        shown, waiting = self.ledger.count_images(run.id)
        if (run.scope == "new" and not shown) or (shown and shown == waiting):
            return None
        path = write_results(
            self.settings.results_file, lambda: self.ledger.result_rows(run.id), self._csv_format
        )
        if path != self.settings.results_file:
            self.events.warning(
                "results-beside", f"Results.csv is held open; see {path.name}", run=run.id
            )
        self._copy_results(run, path)
        return path

    def _copy_results(self, run: Run, results: Path) -> None:
        try:
            copy_atomic(results, self.settings.logs_folder / "runs" / run.id / "Results.csv")
        except OSError as error:
            self.events.error("copy-failed", f"the run's copy of the results: {error}", run=run.id)

    def _write_metrics(self, run: Run) -> None:
        figures = self.ledger.batch_figures(self.signature.name)
        try:
            write_metrics(self._metrics_file, figures, self.signature.labels, self._csv_format)
        except OSError as error:
            self.events.error("metrics-failed", f"the metrics log: {error}", run=run.id)

    @property
    def _metrics_file(self) -> Path:
        main = self.settings.records.main_model
        return metrics_file(self.settings.logs_folder, self.signature.name, main)

    @property
    def _csv_format(self) -> CsvFormat:
        return CsvFormat(self.settings.results.separator, self.settings.results.decimal)

    def _outcome(
        self, run: Run, state: State, reason: str, seconds: float, results: Path | None
    ) -> RunOutcome:
        summary = self.ledger.run_summary(run.id)
        return RunOutcome(
            run.id, state, reason, summary.images, summary.failed, summary.flagged,
            summary.mean_confidence, seconds, results, self._metrics_file,
        )  # fmt: skip

    def _tell(self, outcome: RunOutcome) -> None:
        text = f"{outcome.state}: {outcome.images} images, {outcome.failed} failed"
        if outcome.reason:
            text += f"; {outcome.reason}"
        level = {"done": "INFO", "partial": "WARNING"}.get(outcome.state, "ERROR")
        self.events.write(level, f"run-{outcome.state}", text, run=outcome.run_id)  # type: ignore[arg-type]  # one of the three levels


def new_run(request: RunRequest, signature: Signature, now: datetime) -> Run:
    """Return a run that begins now."""
    return Run(
        id=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        kind="nightly" if request.due_date else "manual",
        due_date=request.due_date,
        scope=request.scope,
        batches=tuple(batch.name for batch in request.batches),
        state="running",
        reason="",
        model_name=signature.name,
        model_version=signature.version,
        started_at=now,
        finished_at=None,
    )


class BatchJob:
    """Scores the chunks of one batch within a run.

    A nightly run touches a batch only once something new shows in it: until then the stored
    predictions it came by are remembered, 8 bytes an image.
    """

    def __init__(
        self, scoring: BatchScoring, run: Run, position: int, batch: Batch, images: ImageList
    ) -> None:
        self._scoring = scoring
        self._run = run
        self._position = position
        self._batch = batch.name
        self._images = images
        self._columns = pixel_columns(scoring.signature.input.row_length)
        self._touched = False
        self._known = array("q")
        self._failures = 0

    def touch(self) -> None:
        """Make the batch part of what the run shows."""
        ledger = self._scoring.ledger
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
        scoring = self._scoring
        scoring.ledger.commit_chunk(
            self._run.id, self._batch, scoring.signature.version, images, cost, scoring.now()
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
                self._scoring.ledger.show_known(self._run.id, self._batch, known)
        else:
            self._known.extend(NOT_KNOWN if row.known is None else row.known for row in rows)

    def _predict(self, rows: Sequence[ImageRow]) -> tuple[dict[int, RowPrediction], ChunkCost]:
        if not rows:
            return {}, ChunkCost()
        frame = pixel_frame(rows, self._columns)
        request_id = f"{self._run.id}/{self._batch}/{rows[0].num}"
        poster = ChunkPoster(self._scoring, self._run.id, self._batch)
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
        self._scoring.events.warning(code, message, run=self._run.id, batch=self._batch)


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


class ChunkPoster:
    """Posts one chunk with the retries the user asked for; halves it on 413."""

    def __init__(self, scoring: BatchScoring, run_id: str, batch: str) -> None:
        self._scoring = scoring
        self._run_id = run_id
        self._batch = batch
        self.cost = ChunkCost()

    def post(
        self, ids: Sequence[int], pixels: NDArray[np.uint8], request_id: str
    ) -> list[RowPrediction]:
        """Return the predictions in order; raises ScoringFailed when no try helped."""
        try:
            return self._post_with_retries(ids, pixels, request_id)
        except HttpRefusal as error:
            if error.status != 413 or len(ids) < 2:
                raise ScoringFailed(str(error)) from error
            half = len(ids) // 2
            return self.post(ids[:half], pixels[:half], request_id) + self.post(
                ids[half:], pixels[half:], request_id
            )

    def _post_with_retries(
        self, ids: Sequence[int], pixels: NDArray[np.uint8], request_id: str
    ) -> list[RowPrediction]:
        scoring = self._scoring
        policy = retrying(
            scoring.settings.client,
            scoring.stop.window,
            scoring.stop.sleep,
            lambda state: self._tell_retry(failure(state)),
        )
        try:
            for attempt in policy:
                with attempt:
                    self._check_before(attempt.retry_state.attempt_number)
                    answer = scoring.client.predict(scoring.signature, ids, pixels, request_id)
        except (Interrupted, HttpRefusal):
            raise
        except Exception as error:
            if can_heal(error) or isinstance(error, (BadResponse, ScoringError)):
                raise ScoringFailed(f"no predictions after all tries: {error}") from error
            raise
        self._add(answer.response.inference_seconds, answer.payload_bytes)
        return answer.response.predictions

    def _check_before(self, attempt: int) -> None:
        """Before another try: is a stop asked for, and who is on the port now?"""
        if attempt > 1:
            self._scoring.raise_if_stopped()
            self._scoring.client.check_identity()

    def _add(self, seconds: float, payload_bytes: int) -> None:
        cost = self.cost
        self.cost = ChunkCost(
            cost.prediction_seconds + seconds, cost.payload_bytes + payload_bytes, cost.retries
        )

    def _tell_retry(self, error: BaseException | None) -> None:
        cost = self.cost
        self.cost = ChunkCost(cost.prediction_seconds, cost.payload_bytes, cost.retries + 1)
        self._scoring.events.warning(
            "retry", f"{error}; trying again", run=self._run_id, batch=self._batch
        )


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
        self._reader: Ledger | None = None

    def __enter__(self) -> KnownPredictions:
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
