"""The batch job, top to bottom: folder → rows → chunks → predictions → ledger → Results.csv."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from client.batch_job import BatchJob
from client.process_time import ProcessTime
from client.progress import ProgressView
from client.read_ahead import KnownPredictions, read_ahead
from client.run_context import Interrupted, RunContext, ScoringFailed
from scoring.batches.image_folder import Batch, ImageList, list_images
from scoring.batches.image_reader import ImageReader, Settling
from scoring.preprocessing.decode import DecodeLimits
from scoring.preprocessing.pixels import Preprocess
from scoring.preprocessing.registry import find
from scoring.protocol.errors import (
    BatchUnreadable,
    ExitCode,
    ScoringError,
)
from scoring.protocol.signature import Signature
from scoring.records.ledger import Run, Scope, State
from scoring.records.metrics_log import metrics_file, write_metrics
from scoring.records.publish import csv_format, end_run
from scoring.records.run_id import new_run_id
from scoring.settings import available_cores

# Batches in trouble that a run's reason names; the events name them all.
TROUBLES_TOLD = 5


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

    context: RunContext
    progress: ProgressView
    process_time: ProcessTime
    _troubles: list[str] = field(default_factory=list, init=False)
    _lost: int = field(default=0, init=False)

    def run(self, request: RunRequest) -> RunOutcome:
        """Score what is asked and write it down; raises Interrupted or ScoringError.

        After a LedgerError the run stays open and Results.csv as it was: the next start resumes.
        """
        preprocess = find(
            self.context.signature.preprocessing.name, self.context.signature.preprocessing.version
        )
        run, resumed = self._start_or_resume(request)
        state: State
        try:
            with self.progress:
                for position, batch in enumerate(request.batches):
                    with self._alone(run, batch):
                        self._score_batch(run, resumed, position, batch, preprocess)
            state, reason = self._verdict(run)
        except Interrupted:
            if not self.context.stop.window_over:
                self.context.events.warning(
                    "run-interrupted", "stopped; it can be resumed", run=run.id
                )
                raise
            state, reason = "partial", "the run window ended; the next run takes what is left"
        except ScoringFailed as error:
            state, reason = "failed", str(error)
        return self._close(run, state, reason)

    # Start

    def _start_or_resume(self, request: RunRequest) -> tuple[Run, bool]:
        interrupted = self._find_interrupted(request)
        if interrupted:
            self.context.ledger.take_over_run(
                interrupted.id, self.context.signature.name, self.context.signature.version
            )
            self.context.events.info(
                "run-resumed", "an interrupted run goes on", run=interrupted.id
            )
            return interrupted, True
        run = new_run(request, self.context.signature, self.context.now())
        self.context.ledger.start_run(run)
        names = ", ".join(batch.name for batch in request.batches)
        self.context.events.info(
            "run-started", f"{run.kind}, {run.scope} images of: {names}", run=run.id
        )
        return run, False

    def _find_interrupted(self, request: RunRequest) -> Run | None:
        """Return the run this request goes on with; close other runs nobody works on any more."""
        if request.due_date:
            return self._running_nightly(request.due_date)
        wanted = tuple(batch.name for batch in request.batches)
        found = None
        for run in self.context.ledger.running():
            if run.kind != "manual":
                continue
            same = (run.batches, run.scope) == (wanted, request.scope)
            if same and run.model_version == self.context.signature.version and not request.fresh:
                found = run
            elif set(run.batches) & set(wanted):
                reason = "interrupted, and replaced by a later run"
                self.context.ledger.finish_run(run.id, "partial", reason, self.context.now())
                self.context.events.warning("run-partial", reason, run=run.id)
        return found

    def _running_nightly(self, due_date: date) -> Run | None:
        run = self.context.ledger.nightly_run(due_date)
        if run and run.state != "running":
            raise ScoringError(f"the run of {due_date} is {run.state} already")
        return run

    # Batches

    @contextmanager
    def _alone(self, run: Run, batch: Batch) -> Iterator[None]:
        """Let one batch's trouble cost no other: it is named, and the run goes on."""
        try:
            yield
        except BatchUnreadable as error:
            self._lose(run, batch, error.code, str(error))
        except ScoringError:
            raise
        except Exception as error:
            # Not enough memory, or a bug: that must not pass in silence, nor cost the night.
            traceback.print_exc()
            self._lose(run, batch, "bug", repr(error))
        finally:
            self.process_time.end_batch(batch.name)

    def _lose(self, run: Run, batch: Batch, code: str, why: str) -> None:
        self.context.events.error(code, why, run=run.id, batch=batch.name)
        self._lost += 1
        self._troubles.append(f"{batch.name}: {why}")

    def _score_batch(
        self, run: Run, resumed: bool, position: int, batch: Batch, preprocess: Preprocess
    ) -> None:
        images = list_images(batch.folder, self.context.settings.batches)
        self._tell_listing(run, batch, images)
        self.progress.start_batch(batch.name, len(images))
        with (
            BatchJob(self.context, run, position, batch, images) as job,
            self._reader(run, resumed, batch, preprocess) as reader,
        ):
            if run.scope == "all" or self._is_owed(run, batch):
                job.touch()
            for rows in read_ahead(images, reader, self._chunk_rows, self._decode_threads):
                self.context.raise_if_stopped()
                job.score_chunk(rows)
                self.progress.advance(len(rows))
            job.finish()

    def _tell_listing(self, run: Run, batch: Batch, images: ImageList) -> None:
        """Say what of a batch is no image, and what could not be looked at."""
        events, left_out = self.context.events, images.left_out
        if not images and run.scope == "all":
            # An empty folder and a share that is not mounted look the same.
            events.warning("batch-empty", "there are no images in it", run=run.id, batch=batch.name)
        if left_out.kinds:
            text = f"not images: {left_out.tell_kinds()}"
            events.warning("files-skipped", text, run=run.id, batch=batch.name)
        if left_out.litter:
            text = f"litter, left out: {left_out.tell_litter()}"
            events.info("litter-left-out", text, run=run.id, batch=batch.name)
        unreadable = left_out.tell_unreadable()
        if unreadable:
            events.warning("files-unreadable", unreadable, run=run.id, batch=batch.name)
            self._troubles.append(f"parts of {batch.name} could not be read ({unreadable})")

    def _is_owed(self, run: Run, batch: Batch) -> bool:
        """Tell whether a batch is shown even if nothing in it is new."""
        ledger = self.context.ledger
        return ledger.is_touched(run.id, batch.name) or batch.name in ledger.unwritten_batches()

    @contextmanager
    def _reader(
        self, run: Run, resumed: bool, batch: Batch, preprocess: Preprocess
    ) -> Iterator[ImageReader]:
        client = self.context.settings.client
        settling = Settling(self.context.settings.schedule.settle_seconds, self.context.now)
        with KnownPredictions(self.context.ledger, run, batch.name, resumed) as known:
            yield ImageReader(
                folder=str(batch.folder),
                preprocess=preprocess,
                shape=self.context.signature.input.shape,
                limits=DecodeLimits(
                    max_pixels=client.max_image_pixels, max_bytes=client.max_file_bytes
                ),
                find_known=known.find,
                settling=settling if run.kind == "nightly" else None,
            )

    @property
    def _chunk_rows(self) -> int:
        client = self.context.settings.client
        return max(
            1, min(client.chunk_rows, client.chunk_bytes // self.context.signature.input.row_length)
        )

    @property
    def _decode_threads(self) -> int:
        return self.context.settings.client.decode_threads or available_cores()

    # End

    def _verdict(self, run: Run) -> tuple[State, str]:
        done = self.context.ledger.run_summary(run.id)
        limit = self.context.settings.client.max_failed_percent
        if done.images and 100 * done.failed / done.images > limit:
            return "failed", f"{done.failed} of {done.images} images failed, more than {limit:g} %"
        if self._troubles:
            every = self._lost == len(run.batches)
            return "failed" if every else "partial", "; ".join(self._troubles[:TROUBLES_TOLD])
        return "done", "" if done.images else self._why_nothing(run)

    def _why_nothing(self, run: Run) -> str:
        return "0 new images" if run.scope == "new" else "no images in the batch"

    def _close(self, run: Run, state: State, reason: str) -> RunOutcome:
        context = self.context
        state, reason, results = end_run(
            context.settings,
            context.ledger,
            context.events,
            run,
            state,
            reason,
            self.process_time.of_batches,
        )
        outcome = self._outcome(run, state, reason, results)
        self._tell(outcome)
        self._write_metrics(run)
        return outcome

    def _write_metrics(self, run: Run) -> None:
        figures = self.context.ledger.batch_figures(self.context.signature.name)
        try:
            write_metrics(
                self._metrics_file,
                figures,
                self.context.signature.labels,
                csv_format(self.context.settings),
            )
        except OSError as error:
            self.context.events.error("metrics-failed", f"the metrics log: {error}", run=run.id)

    @property
    def _metrics_file(self) -> Path:
        main = self.context.settings.records.main_model
        return metrics_file(self.context.settings.logs_folder, self.context.signature.name, main)

    def _outcome(self, run: Run, state: State, reason: str, results: Path | None) -> RunOutcome:
        summary = self.context.ledger.run_summary(run.id)
        return RunOutcome(
            run.id, state, reason, summary.images, summary.failed, summary.flagged,
            summary.mean_confidence, self.process_time.total(), results, self._metrics_file,
        )  # fmt: skip

    def _tell(self, outcome: RunOutcome) -> None:
        text = f"{outcome.state}: {outcome.images} images, {outcome.failed} failed"
        if outcome.reason:
            text += f"; {outcome.reason}"
        level = {"done": "INFO", "partial": "WARNING"}.get(outcome.state, "ERROR")
        self.context.events.write(level, f"run-{outcome.state}", text, run=outcome.run_id)  # type: ignore[arg-type]  # one of the three levels


def new_run(request: RunRequest, signature: Signature, now: datetime) -> Run:
    """Return a run that begins now."""
    return Run(
        id=new_run_id(now),
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
