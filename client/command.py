"""The batch job from its command line to its exit code: ``python -m client.request``."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import nullcontext

import requests
from msgspec import Struct, field
from msgspec.structs import replace

from client import STARTED
from client.api import ScoringClient
from client.batch_scoring import BatchScoring, RunOutcome
from client.command_line import parse_arguments, settings_flags
from client.connection import connected
from client.likely_pictures import likely_pictures
from client.own_server import ServerPlace, own_server
from client.parent import obey_parent
from client.process_time import ProcessTime
from client.progress import progress_view
from client.run_context import RunContext
from client.run_models import RunModels
from client.run_request import RunRequest
from client.seen_spool import seen_spool
from client.selection import select
from client.stop_signal import Interrupted, StopSignal
from client.summary import write_summary
from scoring.monitoring.alerts.hearing import AlertsHeard
from scoring.monitoring.report import MorningReport
from scoring.monitoring.watch import Watch
from scoring.processes.locks import run_lock
from scoring.processes.parent_pipe import NotNeeded, ParentPipe
from scoring.processes.stop_signals import on_stop_signals
from scoring.protocol.errors import Busy, ExitCode, LedgerDamaged, ScoringError
from scoring.protocol.identity import SessionSecret
from scoring.records.events_log import EventsLog
from scoring.records.housekeeping import Housekeeping
from scoring.records.ledger import Ledger
from scoring.records.recovery import recover_ledger
from scoring.records.run_life import RunLife
from scoring.records.telling import telling_never_fails
from scoring.settings import Settings, load_settings

PROGRAM = "python -m client.request"
SWITCH_SECONDS = 0.0005


@telling_never_fails()
def main(argv: Sequence[str] | None = None) -> int:
    """Score what the command line asks for; return the exit code."""
    arguments = parse_arguments(argv)
    # The threads that read images hold the interpreter for a whole turn each time; with the usual
    # 5 ms the thread that talks to the server waits for them, and the server for it (measured).
    sys.setswitchinterval(SWITCH_SECONDS)
    stop = StopSignal()
    on_stop_signals(stop.request)
    try:
        settings = load_settings(**settings_flags(arguments))
        parent = obey_parent(settings, stop) if arguments.parent_pipe else None
    except NotNeeded as error:
        return error.exit_code
    except ScoringError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    events = EventsLog.from_settings(settings, echo=True)
    command = Command(settings, arguments, stop, events)
    return (_obeying(command, parent) if parent else command).run()


def _obeying(command: Command, parent: ParentPipe) -> Command:
    """Add what the parent told; to wait until it did, for a server to be up, was no work."""
    began = command.began + parent.waited_seconds
    return replace(command, secret=parent.secret, absent=parent.absent, began=began)


class Command(Struct):
    """One invocation: what is asked for, the lock, a server, its model, the ledger, the run.

    ``session`` is the way to the server, by default one of its own over the network; ``absent``
    says of models why the server of this session has them not. ``began``, on the monotonic clock,
    is when Process Time begins.
    """

    settings: Settings
    arguments: argparse.Namespace
    stop: StopSignal
    events: EventsLog
    secret: SessionSecret | None = None
    session: requests.Session | None = None
    absent: Mapping[str, str] = field(default_factory=dict)
    began: float = STARTED

    def run(self) -> int:
        """Run and return the exit code; every error becomes an event and a line on stderr."""
        try:
            outcome = self._run()
        except ScoringError as error:
            if not isinstance(error, Interrupted):
                self.events.error(error.code, str(error))
                self._close_nightly(error)
            return error.exit_code
        except Exception as error:
            # A bug must not pass in silence either; the traceback is for whoever mends it.
            self.events.error("bug", repr(error))
            traceback.print_exc()
            return ExitCode.FAILED
        write_summary(outcome, self.events.path)
        return outcome.exit_code

    def _run(self) -> RunOutcome:
        request = select(self.settings, self.arguments, self.events)
        names, starts = request.model_names, self.arguments.start_server
        urls = ",".join(self.settings.server_urls)
        up_already = nullcontext(ServerPlace(urls, self.secret, self.absent))
        with (
            run_lock(self.settings, self._name, self._lock_wait(), lambda: self.stop.requested),
            own_server(self.settings, names) if starts else up_already as place,
            connected(self.settings, place, self.stop, self.events, self.session, names) as way,
        ):
            try:
                return self._score(request, place, *way)
            except LedgerDamaged as error:
                recover_ledger(self.settings, self.events, error, self.settings.now())
                self.stop.begin_again()
                return self._score(request, place, *way)

    def _score(
        self, request: RunRequest, place: ServerPlace, api: ScoringClient, models: RunModels
    ) -> RunOutcome:
        settings, events, is_ours = self.settings, self.events, place.secret is not None
        with Ledger.from_settings(settings) as ledger, seen_spool(settings) as seen:
            context = RunContext(
                settings, api, models, ledger, events, self.stop, settings.now, is_ours,
                seen, likely_pictures(settings),
            )  # fmt: skip
            scoring = BatchScoring(context, progress_view(), ProcessTime(self.began))
            outcome = scoring.run(request)
            chores = Housekeeping(settings, ledger, events, settings.now())
            chores.run(nightly=request.due_date is not None)
            return outcome

    @property
    def _name(self) -> str:
        """What others are told who find the lock taken."""
        return " ".join([PROGRAM, *self.arguments.batches])

    def _lock_wait(self) -> bool | float:
        """A run by hand in progress must not cost the night: the nightly run waits for it."""
        if self.arguments.nightly:
            left = self.stop.window.left()
            return True if left is None else left
        return bool(self.arguments.wait)

    def _close_nightly(self, error: ScoringError) -> None:
        """A due day whose run could not even begin has failed, and the ledger says so.

        What an open run had scored before it was interrupted still becomes results.
        """
        due = self.arguments.nightly
        if due is None or isinstance(error, Busy):
            return
        try:
            with Ledger.from_settings(self.settings) as ledger:
                watch = Watch(self.settings, ledger, self.events)
                report = MorningReport(self.settings, ledger, self.events)
                told = AlertsHeard(self.settings, ledger.database, self.settings.now)
                life = RunLife(self.settings, ledger, self.events, listeners=[watch, report, told])
                run = ledger.nightly_run(due)
                if run is None:
                    life.fail_before_it_began(due, str(error))
                elif run.state == "running":
                    with run_lock(self.settings, PROGRAM):
                        life.close(run, "failed", str(error))
        except ScoringError as second:
            self.events.error(second.code, str(second))
