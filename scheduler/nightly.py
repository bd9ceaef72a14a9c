"""The night: whatever the ledger says is due is started, watched and written down.

``reconcile`` is all of it. It asks what the calendar and the ledger want now and brings it about;
asking once more changes nothing. APScheduler's jobs call it when something is due, and once a
minute for what nobody foresaw: a machine that was off, a clock that jumped, a server that died.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta

from scheduler.clock import Clock
from scheduler.launcher import ClientJob, Launcher
from scheduler.outbox import Outbox
from scheduler.session import ClientEnd, Session
from scoring.machine_zone import describe_zones, machine_zone, other_zones
from scoring.monitoring.report import MorningReport
from scoring.monitoring.watch import Watch
from scoring.processes.locks import run_holder, run_lock
from scoring.protocol.commands import command
from scoring.protocol.errors import ExitCode, LedgerDamaged, LedgerNewer, NoServer, ScoringError
from scoring.records.due_days import (
    DueDay,
    DueRun,
    Policy,
    is_server_wanted,
    make_plan,
    missed_too_early,
)
from scoring.records.events_log import EventsLog, Level
from scoring.records.ledger import Ledger, Run, State
from scoring.records.next_run import (
    describe_next_run,
    read_next_run,
    recent_nights,
    remember_first_start,
    remember_schedule,
)
from scoring.records.recovery import recover_ledger
from scoring.records.run_life import Listener, RunLife
from scoring.settings import Settings

# A client that was killed is started again: a file that kills it twice is decoded alone the third
# time. The next run takes what is left after that.
CLIENT_STARTS = 3
# Without a time to stop at, a run still ends before the next one is due, on the day of 23 hours
# too: a client that hangs must not cost every later night.
LONGEST_RUN = timedelta(hours=22)
# Later than this is not the job that is a moment late, but a run that is caught up.
LATE = timedelta(minutes=1)
WHY_MISSED = (
    "not started in time: the machine or the scheduler was off or could not run it, "
    "or the start time was changed"
)

log = logging.getLogger("scoring.scheduler")
LEVELS = {"INFO": logging.INFO, "WARNING": logging.WARNING, "ERROR": logging.ERROR}


class ShownEvents(EventsLog):
    """Events that the scheduler's console shows, too."""

    def write(
        self, level: Level, code: str, message: str, *, run: str = "", batch: str = ""
    ) -> None:
        log.log(LEVELS[level], "%s: %s", code, message)
        super().write(level, code, message, run=run, batch=batch)


class Nightly:
    """The scheduler's whole decision, over a clock and a launcher that can be exchanged."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        launcher: Launcher,
        stopping: Callable[[], bool] = lambda: False,
        *,
        knew_ledger: bool = False,
    ) -> None:
        self._settings = settings
        self.policy = Policy.from_settings(settings)
        self._clock = clock
        self._stopping = stopping
        self._outbox = Outbox(settings, clock.now, launcher.start_sender, self._tell)
        self._session = Session(settings, clock, launcher, stopping, self._tell)
        self._events = ShownEvents.from_settings(settings, clock.now)
        self._started = clock.now()
        self._last_trouble = ""
        self.knew_ledger = knew_ledger
        self.is_outdated = False

    def reconcile(self) -> None:
        """Do what is due now; trouble becomes an event, and the next minute tries again."""
        try:
            self._reconcile()
        except LedgerNewer as error:
            self._tell_trouble(error)
            # One that was too old from its start would be so again: it stays up and says so, until
            # the software is updated and somebody starts it anew.
            self.is_outdated = self.knew_ledger
        except ScoringError as error:
            self._tell_trouble(error)
        except Exception as error:
            # Whatever it is, tomorrow's run must still be tried.
            log.exception("unexpected")
            self._tell_trouble(error)
        else:
            self._last_trouble = ""

    def start_up(self) -> None:
        """Say that the scheduler is up, and until when nothing is due."""
        self._tell_next_run("scheduler-started", "up")
        others = [] if self._settings.schedule.zone else other_zones()
        if others:
            self._tell("WARNING", "zone-ambiguous", describe_zones(machine_zone(), others))

    def say_what_changed(self, changed: str) -> None:
        """Say which settings were taken up, and what is next by them."""
        self._tell_next_run("settings-changed", f"taken up: {changed}")

    def say_what_is_wrong(self, trouble: str) -> None:
        """Say why changed settings were not taken up."""
        self._tell("ERROR", "settings", f"{trouble}; the scheduler keeps the settings it had")

    def stop_server(self) -> None:
        """End the server that this session started, if there is one."""
        self._session.stop_server()

    def _tell_next_run(self, code: str, what: str) -> None:
        """Say what is next; a ledger that cannot be used is told of when something is due.

        What the ledger must know of this start stands in it before anybody hears of it.
        """
        now = self._clock.now()
        try:
            with Ledger.from_settings(self._settings) as ledger:
                self._remember(ledger, now)
                coming = read_next_run(ledger, self.policy, now)
        except ScoringError as error:
            self._tell("WARNING", code, f"{what}; the next run is not known: {error}")
        else:
            level: Level = "WARNING" if coming.passed else "INFO"
            text = describe_next_run(coming, self.policy)
            self._tell(level, code, f"{what}; the next run is {text}")

    def say_that_it_is_outdated(self) -> None:
        """Say why this scheduler ends, and what goes on."""
        text = "the software was updated while this scheduler was up; start it anew: "
        self._tell("WARNING", "scheduler-outdated", text + command("scheduler"))

    def shut_down(self) -> None:
        """Stop client and server; an unfinished run stays open and is resumed at the next start."""
        self._session.shut_down()
        self._tell("INFO", "scheduler-stopped", "stopped; no server and no client is left")

    def _reconcile(self) -> None:
        """Decide over the ledger; one that is damaged is replaced first, as the client would."""
        if self._stopping():
            return
        try:
            self._decide()
        except LedgerDamaged as damage:
            with run_lock(self._settings, "python -m scheduler"):
                recover_ledger(self._settings, self._events, damage, self._clock.now())
            self._outbox.tell_restored()
            self._decide()

    def _decide(self) -> None:
        now = self._clock.now()
        with Ledger.from_settings(self._settings) as ledger:
            first_start = self._remember(ledger, now)
            runs = recent_nights(ledger, now, first_start)
            self._take_back(ledger, runs, now)
            plan = make_plan(now, self.policy, first_start, runs)
            self._write_missed(ledger, plan.missed)
            self._close_expired(ledger, plan.expired)
        if plan.run:
            self._outbox.tell_started(plan.run.day.date)
            self._run(plan.run)
        try:
            self._keep_server(is_server_wanted(self._clock.now(), self.policy, first_start))
        finally:
            # Where no server comes up, too: that is what somebody has to hear of.
            if not run_holder(self._settings):
                self._outbox.tell_ends()
            self._outbox.send()

    def _remember(self, ledger: Ledger, now: datetime) -> datetime:
        """Write down by what schedule this scheduler goes; return when there was one first."""
        self.knew_ledger = True
        remember_schedule(ledger, self.policy)
        return remember_first_start(ledger, now, self._started)

    # Server

    def _keep_server(self, wanted: bool) -> None:
        if not wanted:
            self._session.stop_server()
        elif not self._stopping():
            self._session.require_server(starts=1)

    # Runs

    def _run(self, due: DueRun) -> None:
        if due.resumes:
            self._tell("WARNING", "run-found", "an interrupted run goes on", due.resumes.id)
        elif self._clock.now() > due.day.client_at + LATE:
            self._tell("WARNING", "run-late", f"the run of {due.day.date} is caught up now")
        try:
            self._session.require_server(job=ClientJob(due.day.date))
        except NoServer as error:
            if not self._stopping():
                self._close(due.day, "failed", str(error))
            return
        self._score(due)

    def _score(self, due: DueRun) -> None:
        """Run the client; again if it vanished, within what is left of the window."""
        window = (LONGEST_RUN if due.window is None else due.window).total_seconds()
        deadline = self._clock.monotonic() + window
        for start in range(1, CLIENT_STARTS + 1):
            end = self._session.score(ClientJob(due.day.date, window_seconds=window))
            if self._stopping() or self._is_settled(due.day, end):
                return
            window = deadline - self._clock.monotonic()
            if end.window_over or window <= 0:
                self._close(due.day, "partial", "the window was over before the client ended")
                return
            if start < CLIENT_STARTS:
                self._tell("ERROR", "client-died", f"{end}; it is started again")
                self._session.require_server(starts=1)
        self._close(due.day, "partial", f"the client died {CLIENT_STARTS} times: {end}")

    def _is_settled(self, day: DueDay, end: ClientEnd) -> bool:
        """Tell whether nothing is left to do for now.

        A client that left no row has failed, unless it was killed: that tells nothing of the next.
        Nor does one that was content: its row went with a ledger that was lost meanwhile.
        """
        if end.exit_code == ExitCode.BUSY:
            self._tell("WARNING", "run-waits", f"the run of {day.date} waits for another run")
            return True
        with Ledger.from_settings(self._settings) as ledger:
            run = ledger.nightly_run(day.date)
        if run is not None:
            return run.state != "running"
        if end.exit_code <= ExitCode.DONE:
            return False
        self._close(day, "failed", str(end))
        return True

    # Ledger

    def _take_back(self, ledger: Ledger, runs: dict[date, Run], now: datetime) -> None:
        """Forget days that a clock far ahead had written off: they are still to come."""
        early = missed_too_early(now, self.policy, runs.values())
        if early:
            ledger.forget_missed(early)
            for day in early:
                del runs[day]
            span = f"{early[0]} to {early[-1]}"
            self._tell("WARNING", "clock-was-wrong", f"missed days taken back: {span}")

    def _write_missed(self, ledger: Ledger, days: Iterable[DueDay]) -> None:
        missed = {day.date: day.client_at for day in days}
        if missed:
            self._life(ledger).miss(missed, WHY_MISSED)

    def _close_expired(self, ledger: Ledger, runs: Iterable[Run]) -> None:
        """Close what was interrupted and is too old to go on, unless somebody works on it."""
        if not runs or run_holder(self._settings):
            return
        for run in runs:
            reason = "interrupted, and its window is over; the next run takes what is left"
            self._end(ledger, run, "partial", reason)

    def _close(self, day: DueDay, state: State, reason: str) -> None:
        """Give the day its terminal state; where nothing has begun, nothing can be partial."""
        with Ledger.from_settings(self._settings) as ledger:
            run = ledger.nightly_run(day.date)
            if run is None:
                self._life(ledger).fail_before_it_began(day.date, reason)
            elif run.state == "running":
                self._end(ledger, run, state, reason)

    def _end(self, ledger: Ledger, run: Run, state: State, reason: str) -> None:
        """End a run for its client that is gone; what that had scored still becomes results."""
        with run_lock(self._settings, "python -m scheduler"):
            self._life(ledger).close(run, state, reason)

    def _life(self, ledger: Ledger) -> RunLife:
        """Return the author of runs, whose ends get a report here as they do in the client."""
        watch = Watch(self._settings, ledger, self._events)
        report = MorningReport(self._settings, ledger, self._events)
        heard: list[Listener] = [watch, report, self._outbox.writer(ledger)]
        return RunLife(self._settings, ledger, self._events, self._clock.now, heard)

    # Events

    def _tell(self, level: Level, code: str, message: str, run: str = "") -> None:
        self._events.write(level, code, message, run=run)

    def _tell_trouble(self, error: Exception) -> None:
        """Tell the same trouble once, not every minute."""
        code = error.code if isinstance(error, ScoringError) else "scheduler-trouble"
        message = str(error) or repr(error)
        # Times and process numbers differ every minute; the trouble is the same.
        trouble = re.sub(r"\d+", "", f"{code} {message}")
        if trouble != self._last_trouble:
            self._last_trouble = trouble
            self._tell("ERROR", code, message)
