"""The one author of a run's life: opened, resumed, closed, missed, or failed before it began.

Whoever calls holds the run lock, but for days on which nothing has begun. Every end is written
down first, then told as one event of the log, then handed to whoever listens as one ``RunEnded``:
once, or once more where a kill came in between.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path

from msgspec import Struct, field

from scoring.protocol.errors import LedgerError, ScoringError
from scoring.records.events_log import EventsLog, Level
from scoring.records.ledger import Kind, Ledger, Model, Run, RunSummary, Scope, State
from scoring.records.publish import publish_results
from scoring.records.run_id import new_run_id
from scoring.records.run_settings import settings_that_matter
from scoring.settings import Settings

LEVELS: dict[State, Level] = {"done": "INFO", "partial": "WARNING"}
REPLACED = "interrupted, and replaced by a later run"
NOTHING = RunSummary(0, 0, 0, None)

log = logging.getLogger("scoring.records")


class RunPlan(Struct, frozen=True):
    """What a run is to do.

    Attributes:
        batches: names, in order.
        scope: "new" for images that no model has scored yet, "all" for every one.
        due_date: of a nightly run; None: by hand.
        fresh: do not go on with an interrupted run.
        out: where the results go instead of Results.csv.
        versions: batch → version of the model that is to score it, where it is known.
    """

    batches: tuple[str, ...]
    scope: Scope
    due_date: date | None = None
    fresh: bool = False
    out: Path | None = None
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        return "nightly" if self.due_date else "manual"


class RunEnded(Struct, frozen=True):
    """A run has ended, or days were missed; all of it stands in the ledger.

    Attributes:
        run: as the ledger has it; of several missed days the last.
        summary: figures over the images that the run handled itself.
        results: where its results went; None where Results.csv was left alone.
        due_dates: the nights that came to this end: one, several missed ones, none by hand.
    """

    run: Run
    summary: RunSummary
    results: Path | None
    due_dates: tuple[date, ...]


Listener = Callable[[RunEnded], None]
ProcessSeconds = Callable[[Sequence[str]], Mapping[str, float]]


class RunLife:
    """Writes down what becomes of runs; trouble with a listener is an event and no more."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        events: EventsLog,
        now: Callable[[], datetime] | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._events = events
        self._now = now or settings.now
        self._listeners = listeners

    # Begin

    def begin(self, plan: RunPlan, model: Model) -> tuple[Run, bool]:
        """Return the run to work on, and whether it goes on from an interruption.

        Raises ScoringError for a due day whose run has ended already.
        """
        self._tell_what_was_not()
        interrupted = self._find_interrupted(plan, model)
        if interrupted is None:
            return self._open(plan, model), False
        self._ledger.take_over_run(interrupted.id, model.name, model.version)
        self._tell("INFO", "run-resumed", "an interrupted run goes on", interrupted.id)
        return interrupted, True

    def _open(self, plan: RunPlan, model: Model) -> Run:
        now = self._now()
        run = Run(
            id=new_run_id(now),
            kind=plan.kind,
            due_date=plan.due_date,
            scope=plan.scope,
            batches=plan.batches,
            state="running",
            reason="",
            model_name=model.name,
            model_version=model.version,
            started_at=now,
            finished_at=None,
            settings=settings_that_matter(self._settings, plan.out),
        )
        self._ledger.start_run(run)
        what = f"{run.kind}, {run.scope} images of: {', '.join(run.batches)}"
        self._tell("INFO", "run-started", what, run.id)
        return run

    def _find_interrupted(self, plan: RunPlan, model: Model) -> Run | None:
        """Return the run this plan goes on with; close other runs nobody works on any more."""
        if plan.due_date:
            run = self._ledger.nightly_run(plan.due_date)
            if run and run.state != "running":
                raise ScoringError(f"the run of {plan.due_date} is {run.state} already")
            return run
        found = None
        for run in self._ledger.running():
            if run.kind != "manual":
                continue
            same = (run.batches, run.scope) == (plan.batches, plan.scope)
            if same and self._has_models(run, plan, model) and not plan.fresh:
                found = run
            elif set(run.batches) & set(plan.batches):
                self._close_batches(run)
                self._finish(run, "partial", REPLACED, None)
        return found

    def _has_models(self, run: Run, plan: RunPlan, model: Model) -> bool:
        """Tell whether the models that scored so far are those that would go on."""
        scored = self._ledger.batch_versions(run.id).items()
        same = all(plan.versions.get(batch, version) == version for batch, version in scored)
        return same and run.model_version == model.version

    # End

    def leave_open(self, run: Run) -> None:
        """Say that a run was stopped; the next start goes on with it."""
        self._tell("WARNING", "run-interrupted", "stopped; it can be resumed", run.id)

    def close(
        self,
        run: Run,
        state: State,
        reason: str,
        process_seconds: ProcessSeconds = lambda _: {},
        out: Path | None = None,
    ) -> RunEnded:
        """Publish what a run shows, then write its figures and its end.

        In this order: a kill in between leaves the run open, and the next start does it again. A
        Results.csv that cannot be written makes the run a failed one. ``process_seconds`` is asked
        once the results are in place, for the seconds of each of the batches.
        """
        results: Path | None = None
        try:
            results = publish_results(self._settings, self._ledger, self._events, run, out)
        except OSError as error:
            state = "failed"
            reason = f"{reason}; " * bool(reason) + _not_written(self._settings, out, error)
        self._close_batches(run, process_seconds)
        return self._finish(run, state, reason, results)

    def _close_batches(self, run: Run, process_seconds: ProcessSeconds = lambda _: {}) -> None:
        """Write the figures of a run's batches while its predictions are still its own."""
        batches = self._ledger.touched_batches(run.id)
        seconds = process_seconds(batches)
        for batch in batches:
            self._ledger.close_batch(run.id, batch, seconds.get(batch))

    def fail_before_it_began(self, due_date: date, reason: str) -> RunEnded:
        """Write down a due day whose run could not even begin."""
        self._tell_what_was_not()
        now = self._now()
        run = self._ended(due_date, "failed", reason, now)
        self._ledger.start_run(run)
        return self._end(RunEnded(run, NOTHING, None, (due_date,)))

    def miss(self, days: Mapping[date, datetime], reason: str) -> RunEnded:
        """Write down due days, with the times they were due at, that can no longer be run.

        A row for each of them, all at once, and one event for them all.
        """
        self._tell_what_was_not()
        runs = [self._ended(day, "missed", reason, at) for day, at in sorted(days.items())]
        self._ledger.start_runs(runs)
        return self._end(RunEnded(runs[-1], NOTHING, None, tuple(sorted(days))))

    def _ended(self, due_date: date, state: State, reason: str, started_at: datetime) -> Run:
        """Return a run that never ran."""
        return Run(
            id=new_run_id(started_at),
            kind="nightly",
            due_date=due_date,
            scope="new",
            batches=(),
            state=state,
            reason=reason,
            model_name="",
            model_version="",
            started_at=started_at,
            finished_at=self._now(),
        )

    def _finish(self, run: Run, state: State, reason: str, results: Path | None) -> RunEnded:
        size = self._settings.records.audit
        self._ledger.finish_run(run.id, state, reason, self._now(), size)
        ended = self._ledger.run(run.id) or run
        summary = self._ledger.run_summary(run.id)
        return self._end(RunEnded(ended, summary, results, due_dates(run)))

    # Tell

    def _end(self, ended: RunEnded) -> RunEnded:
        self._announce(ended)
        self._all_is_told()
        return ended

    def _tell_what_was_not(self) -> None:
        """Tell of ends that are in the ledger, and of which a kill kept the word."""
        ends = ends_to_tell(self._ledger)
        for ended in ends:
            self._announce(ended)
        if ends:
            self._all_is_told()

    def _all_is_told(self) -> None:
        # Told once more is better than never; and the run has ended, whatever becomes of this.
        with suppress(LedgerError):
            self._ledger.ends_are_told()

    def _announce(self, ended: RunEnded) -> None:
        state, run_id = ended.run.state, "" if ended.run.state == "missed" else ended.run.id
        self._tell(LEVELS.get(state, "ERROR"), f"run-{state}", describe(ended), run_id)
        for listener in self._listeners:
            try:
                listener(ended)
            except Exception as error:
                if not isinstance(error, ScoringError):  # a bug, and where it is
                    log.exception("a listener")
                name = getattr(listener, "__qualname__", type(listener).__name__)
                self._tell("ERROR", "listener-failed", f"{name}: {error!r}", ended.run.id)

    def _tell(self, level: Level, code: str, message: str, run_id: str) -> None:
        self._events.write(level, code, message, run=run_id)


def ends_to_tell(ledger: Ledger) -> list[RunEnded]:
    """Return the ends that are in a ledger, and of which nobody may have heard yet.

    Days that were missed are one end, as when they were written down.
    """
    runs = ledger.ends_to_tell()
    ends = [
        RunEnded(run, ledger.run_summary(run.id), None, due_dates(run))
        for run in runs
        if run.state != "missed"
    ]
    missed = [run for run in runs if run.state == "missed"]
    if missed:
        days = tuple(run.due_date for run in missed if run.due_date)
        ends.append(RunEnded(missed[-1], NOTHING, None, days))
    return ends


def due_dates(run: Run) -> tuple[date, ...]:
    """Return the night that a run came to an end of; none by hand."""
    return (run.due_date,) if run.due_date else ()


def describe(ended: RunEnded) -> str:
    """Return how it ended in one line."""
    run, days = ended.run, ended.due_dates
    if run.state == "missed":
        runs = "1 nightly run" if len(days) == 1 else f"{len(days)} nightly runs"
        span = f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}"
        return f"{runs} missed, {span}: {run.reason}"
    which = f"the run of {run.due_date} is " if run.due_date else ""
    figures = f"{ended.summary.images} images, {ended.summary.failed} failed"
    return f"{which}{run.state}: {figures}" + (f"; {run.reason}" if run.reason else "")


def _not_written(settings: Settings, out: Path | None, error: OSError) -> str:
    return f"{(out or settings.results_file).name} could not be written: {error}"
