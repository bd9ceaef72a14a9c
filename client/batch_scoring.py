"""The batch job, top to bottom: folder → rows → chunks → predictions → ledger → Results.csv."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from client.batch_events import BatchEvents
from client.batch_job import BatchJob
from client.chunk_poster import ScoringFailed
from client.kept_pictures import PictureKeeping
from client.model_reference import ReferenceKeeping
from client.photo_advice import PhotoAdvice
from client.process_time import ProcessTime
from client.progress import ProgressView
from client.run_context import RunContext, Task
from client.run_models import OF_ONE_MODEL
from client.run_request import RunRequest
from client.stop_signal import Interrupted
from scoring.batches.image_folder import Batch, list_images
from scoring.batches.run_reading import RunReading
from scoring.batches.vanished import vanished_batches
from scoring.monitoring.alerts.hearing import AlertsHeard
from scoring.monitoring.report import MorningReport
from scoring.monitoring.watch import Watch
from scoring.protocol.bundle_names import bundle_labels
from scoring.protocol.errors import (
    BatchUnreadable,
    ExitCode,
    ScoringError,
)
from scoring.protocol.signature import Signature
from scoring.records.ledger import Model, Run, State
from scoring.records.metrics_log import metrics_file, write_metrics
from scoring.records.mixed_models import tell_mixed
from scoring.records.model_facts import signature_facts
from scoring.records.results_csv import CsvFormat
from scoring.records.run_life import RunEnded, RunLife

# Batches in trouble that a run's reason names; the events name them all.
TROUBLES_TOLD = 5


class RunOutcome(Struct, frozen=True):
    """How a run ended; ``results`` is where Results.csv went, None where it was left alone.

    ``mixed`` are lines on batches that several models answered for, ``advice`` on batches that
    another model would know more of; ``report`` is the page for people, None where there is none.
    ``by_server`` is how many images each of several servers scored.
    """

    run_id: str
    state: State
    reason: str
    images: int
    failed: int
    flagged: int
    mean_confidence: float | None
    seconds: float
    results: Path | None
    metrics: tuple[Path, ...]
    mixed: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    report: Path | None = None
    by_server: Mapping[str, int] = field(default_factory=dict)

    @property
    def exit_code(self) -> ExitCode:
        codes = {"done": ExitCode.DONE, "partial": ExitCode.PARTIAL}
        return codes.get(self.state, ExitCode.FAILED)


class BatchScoring:
    """One run over some batches; build it, then call ``run``."""

    _advice: PhotoAdvice

    def __init__(
        self, context: RunContext, progress: ProgressView, process_time: ProcessTime
    ) -> None:
        self.context = context
        self.progress = progress
        self.process_time = process_time
        self._troubles: list[str] = []
        self._lost: list[str] = []
        self._listed: dict[str, int] = {}
        self._references = ReferenceKeeping(context)
        self._report = MorningReport(context.settings, context.ledger, context.events)

    def run(self, request: RunRequest) -> RunOutcome:
        """Score what is asked and write it down; raises Interrupted or ScoringError.

        After a LedgerError the run stays open and Results.csv as it was: the next start resumes.
        """
        models = self.context.models
        self._advice = PhotoAdvice(self.context, request.own_out)
        plan = replace(request.plan, versions=models.versions(request.models))
        main = Model(models.main.name, models.main.version)
        run, resumed = self._life.begin(plan, main)
        state: State
        try:
            with self._reading(run) as reading, self.progress:
                for position, batch in enumerate(request.batches):
                    with self._alone(run, batch):
                        signature = self.context.models.find(request.model_of(batch))
                        task = Task(position, batch, signature)
                        self._keep_facts(signature)
                        self._references.keep(signature, run.id)
                        self._score_batch(run, resumed, task, reading)
            self._tell_vanished(run)
            state, reason = self._verdict(run)
        except Interrupted:
            if not self.context.stop.window_over:
                self._life.leave_open(run)
                raise
            state, reason = "partial", "the run window ended; the next run takes what is left"
        except ScoringFailed as error:
            state, reason = "failed", str(error)
        return self._close(run, state, reason, request.out)

    # Batches

    @contextmanager
    def _reading(self, run: Run) -> Iterator[RunReading]:
        context = self.context
        with RunReading(context.settings, context.ledger, context.now) as reading:
            if reading.left:
                names = ", ".join(f"{batch}/{path}" for batch, path in reading.left)
                text = f"a run ended suddenly while these were read: {names}"
                context.events.warning("sudden-end", text, run=run.id)
            yield reading

    @contextmanager
    def _alone(self, run: Run, batch: Batch) -> Iterator[None]:
        """Let one batch's trouble cost no other: it is named, and the run goes on."""
        try:
            yield
        except (BatchUnreadable, *OF_ONE_MODEL) as error:
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
        self._lost.append(batch.name)
        self._troubles.append(f"{batch.name}: {why}")

    def _score_batch(self, run: Run, resumed: bool, task: Task, reading: RunReading) -> None:
        context, batch = self.context, task.batch
        images = list_images(batch.folder, context.settings.batches)
        unreadable = BatchEvents(context.events, run.id, batch.name).listing(
            images, is_expected=run.scope == "all"
        )
        if unreadable:
            self._troubles.append(f"parts of {batch.name} could not be read ({unreadable})")
        self._listed[batch.name] = len(images)
        self.progress.start_batch(batch.name, len(images))
        is_shown = run.scope == "all" or self._is_owed(run, batch)
        with (
            reading.chunks(run, resumed, task.signature, batch, images) as chunks,
            BatchJob(context, run, task, images, is_shown) as job,
        ):
            for rows in chunks:
                context.stop.raise_if_requested()
                job.score_chunk(rows)
                self.progress.advance(len(rows))
            job.finish()
        self._advice.tell(run, task)

    def _keep_facts(self, signature: Signature) -> None:
        """Let the desk and the report know the model, who have none."""
        facts = signature_facts(signature)
        self.context.ledger.keep_model_facts(signature.version, signature.name, facts)

    def _is_owed(self, run: Run, batch: Batch) -> bool:
        """Tell whether a batch is shown even if nothing in it is new."""
        ledger = self.context.ledger
        return ledger.is_touched(run.id, batch.name) or batch.name in ledger.unwritten_batches()

    # End

    def _tell_vanished(self, run: Run) -> None:
        """Warn of batches that the night before had: an empty folder may be a share that is off."""
        if run.kind != "nightly":
            return
        context = self.context
        home = context.settings.batches_folder
        gone = vanished_batches(context.ledger, home, self._listed, self._lost)
        if gone:
            text = f"no images where the night before had some (is a share off?): {', '.join(gone)}"
            context.events.warning("batches-gone", text, run=run.id)

    def _verdict(self, run: Run) -> tuple[State, str]:
        done = self.context.ledger.run_summary(run.id)
        limit = self.context.settings.client.max_failed_percent
        if done.images and 100 * done.failed / done.images > limit:
            return "failed", f"{done.failed} of {done.images} images failed, more than {limit:g} %"
        if self._troubles:
            every = len(self._lost) == len(run.batches)
            return "failed" if every else "partial", "; ".join(self._troubles[:TROUBLES_TOLD])
        return "done", "" if done.images else self._why_nothing(run)

    def _why_nothing(self, run: Run) -> str:
        return "0 new images" if run.scope == "new" else "no images in the batch"

    def _close(self, run: Run, state: State, reason: str, out: Path | None) -> RunOutcome:
        ended = self._life.close(run, state, reason, self.process_time.of_batches, out)
        summary = ended.summary
        return RunOutcome(
            run.id, ended.run.state, ended.run.reason, summary.images, summary.failed,
            summary.flagged, summary.mean_confidence, self.process_time.total(), ended.results,
            tuple(self._metrics_file(one.name) for one in self.context.models.distinct),
            self._tell_mixed(ended), tuple(self.context.ledger.advice(run.id).values()),
            self._report.written, self.context.client.images_by_server,
        )  # fmt: skip

    def _tell_mixed(self, ended: RunEnded) -> tuple[str, ...]:
        """Warn of batches in the results that several models answered for; return the lines."""
        if not ended.results:
            return ()
        run_id = ended.run.id
        mixed = self.context.ledger.mixed_batches(run_id)
        way = self.context.way_there
        lines = {batch: tell_mixed(batch, images, *way) for batch, images in mixed.items()}
        for batch, line in lines.items():
            self.context.events.warning("mixed-models", line, run=run_id, batch=batch)
        return tuple(lines.values())

    @property
    def _life(self) -> RunLife:
        context = self.context
        return RunLife(
            context.settings,
            context.ledger,
            context.events,
            context.now,
            [
                Watch(context.settings, context.ledger, context.events),
                self._write_metrics,
                PictureKeeping(context).keep,
                self._report,
                AlertsHeard(context.settings, context.ledger.database, context.now),
            ],
        )

    def _write_metrics(self, ended: RunEnded) -> None:
        context = self.context
        try:
            for name, labels in self._labels(ended).items():
                figures = context.ledger.batch_figures(name)
                path, form = self._metrics_file(name), CsvFormat.from_settings(context.settings)
                write_metrics(path, figures, labels, form)
        except OSError as error:
            context.events.error("metrics-failed", f"the metrics log: {error}", run=ended.run.id)

    def _labels(self, ended: RunEnded) -> dict[str, Sequence[str]]:
        """Return the labels of the models that the run at work and the one that ended have.

        They may differ: a run that was interrupted ends when another takes its place.
        """
        context = self.context
        labels: dict[str, Sequence[str]] = {one.name: one.labels for one in context.models.distinct}
        for name in context.ledger.batch_models(ended.run.id):
            if name not in labels:
                labels[name] = bundle_labels(context.settings, name) or sorted(
                    {
                        label
                        for one in context.ledger.batch_figures(name)
                        for label in one.class_confidence
                    }
                )
        return labels

    def _metrics_file(self, model: str) -> Path:
        settings = self.context.settings
        return metrics_file(settings.logs_folder, model, settings.records.main_model)
