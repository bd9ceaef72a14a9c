"""``python -m client.request G1``: score batches of images and write Results.csv."""

from __future__ import annotations

import argparse
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date

import requests

from client import STARTED
from client.api import ScoringClient
from client.batch_scoring import BatchScoring, RunOutcome, RunRequest
from client.command_line import parse_arguments, settings_flags
from client.process_time import ProcessTime
from client.progress import progress_view
from client.retry_policy import RunWindow, can_heal, failure, reason, retrying
from client.run_context import Interrupted, RunContext
from client.stop_signal import StopSignal
from client.summary import write_summary
from scoring.batches.batch_folders import LINKS_ARE_LEFT_OUT
from scoring.batches.image_folder import Batch, all_batches, expected_batches, find_batch
from scoring.batches.left_out import told
from scoring.preprocessing.registry import UnknownPreprocessing
from scoring.processes.locks import run_lock
from scoring.processes.managed_server import ManagedServer
from scoring.processes.parent_pipe import ParentPipe
from scoring.processes.stop_signals import on_stop_signals
from scoring.protocol.errors import (
    ExitCode,
    HttpRefusal,
    LedgerDamaged,
    NoServer,
    ScoringError,
    UsageError,
)
from scoring.protocol.frame_codec import Compression
from scoring.protocol.identity import SessionSecret
from scoring.protocol.loopback import is_loopback_url
from scoring.protocol.signature import Signature
from scoring.records.events_log import EventsLog
from scoring.records.housekeeping import Housekeeping
from scoring.records.ledger import Ledger
from scoring.records.recovery import recover_ledger, require_ledger
from scoring.records.run_life import RunLife
from scoring.records.telling import telling_never_fails
from scoring.records.text import printable
from scoring.settings import Settings, load_settings

SWITCH_SECONDS = 0.0005
HOW_TO_START = "start a server with 'python -m server', or add --start-server"


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
        pipe = _open_pipe(settings, stop) if arguments.parent_pipe else None
    except ScoringError as error:
        return _fail(error)
    command = Command(settings, arguments, stop, pipe.secret if pipe else None)
    return command.run()


def _open_pipe(settings: Settings, stop: StopSignal) -> ParentPipe:
    """Take the scheduler's closing of the pipe as the request to stop."""
    opened = threading.Event()
    pipe: ParentPipe | None = None

    def closed() -> None:
        opened.wait()
        stop.request(window_closed=pipe is not None and pipe.window_closed)

    pipe = ParentPipe.open(closed, exit_seconds=settings.client.stop_seconds)
    stop.window = RunWindow(pipe.window_seconds)
    opened.set()
    return pipe


def _fail(error: Exception) -> int:
    sys.stderr.write(f"error: {error}\n")
    return error.exit_code if isinstance(error, ScoringError) else ExitCode.FAILED


class Command:
    """One invocation: lock, server, ledger, run, and the lines that tell how it went.

    ``session`` is the way to the server, by default one of its own over the network.
    """

    def __init__(
        self,
        settings: Settings,
        arguments: argparse.Namespace,
        stop: StopSignal,
        secret: SessionSecret | None,
        session: requests.Session | None = None,
    ) -> None:
        self._settings = settings
        self._arguments = arguments
        self._stop = stop
        self._secret = secret
        self._session = session
        self._events = EventsLog.from_settings(settings, echo=True)

    def run(self) -> int:
        """Run and return the exit code; every error becomes an event and a line on stderr."""
        try:
            outcome = self._run()
        except (ScoringError, UnknownPreprocessing) as error:
            code = error.code if isinstance(error, ScoringError) else "preprocessing"
            if not isinstance(error, Interrupted):
                self._events.error(code, str(error))
            self._close_nightly(error)
            return error.exit_code if isinstance(error, ScoringError) else ExitCode.FAILED
        except Exception as error:
            # A bug must not pass in silence either; the traceback is for whoever mends it.
            self._events.error("bug", repr(error))
            traceback.print_exc()
            return ExitCode.FAILED
        write_summary(outcome, self._events.path)
        return outcome.exit_code

    def _run(self) -> RunOutcome:
        request = self._request()
        command = " ".join(["python -m client.request", *self._arguments.batches])
        with run_lock(
            self._settings,
            command=command,
            wait=self._lock_wait(),
            cancelled=lambda: self._stop.requested,
        ):
            with self._server() as (url, secret):
                return self._score(request, url, secret)

    def _lock_wait(self) -> bool | float:
        """A run by hand in progress must not cost the night: the nightly run waits for it."""
        if self._arguments.nightly:
            left = self._stop.window.left()
            return True if left is None else left
        return bool(self._arguments.wait)

    def _request(self) -> RunRequest:
        arguments = self._arguments
        nightly: date | None = arguments.nightly
        only_new = nightly is not None or arguments.new or arguments.every_batch
        new = only_new and not arguments.all
        return RunRequest(self._batches(), "new" if new else "all", nightly, arguments.fresh)

    def _batches(self) -> tuple[Batch, ...]:
        home = self._settings.batches_folder
        named: Sequence[str] = self._arguments.batches
        if self._arguments.nightly:
            named = named or self._settings.schedule.batches
            if named:
                return tuple(dict.fromkeys(expected_batches(named, home)))
        if named:
            return tuple(dict.fromkeys(find_batch(name, home) for name in named))
        if self._arguments.nightly or self._arguments.every_batch:
            return self._every_batch()
        raise UsageError("name a batch, like: python -m client.request G1 (or --every-batch)")

    def _every_batch(self) -> tuple[Batch, ...]:
        settings = self._settings
        batches, found = all_batches(settings.batches_folder, settings.batches)
        if found.links:
            names = ", ".join(map(printable, found.links))
            self._events.warning("batches-skipped", f"{LINKS_ARE_LEFT_OUT}: {names}")
        if found.litter:
            self._events.info("litter-left-out", f"no batches: {told(found.litter)}")
        return tuple(batches)

    @contextmanager
    def _server(self) -> Iterator[tuple[str, SessionSecret | None]]:
        """Yield where the server is and what it proves its answers with."""
        if not self._arguments.start_server:
            yield self._settings.server_url, self._secret
            return
        with ManagedServer(self._settings) as server:
            server.start()
            server.wait_until_ready()
            yield server.url, server.secret

    def _score(self, request: RunRequest, url: str, secret: SessionSecret | None) -> RunOutcome:
        settings = self._settings
        client = settings.client
        # The key of this machine's own server goes to no other.
        api_key = client.api_key or (None if client.server else settings.server.api_key)
        api = ScoringClient(
            url,
            connect_seconds=client.connect_seconds,
            read_seconds=client.read_seconds,
            api_key=api_key.get_secret_value() if api_key else "",
            secret=secret,
            compression=_compression(settings, url),
            session=self._session,
        )
        try:
            signature = self._connect(api)
            try:
                return self._score_with_ledger(request, api, signature)
            except LedgerDamaged as error:
                recover_ledger(settings, self._events, error, settings.now())
                return self._score_with_ledger(request, api, signature)
        finally:
            api.close()

    def _score_with_ledger(
        self, request: RunRequest, api: ScoringClient, signature: Signature
    ) -> RunOutcome:
        settings = self._settings
        require_ledger(settings)
        with Ledger.from_settings(settings) as ledger:
            context = RunContext(
                settings, api, signature, ledger, self._events, self._stop, settings.now
            )
            scoring = BatchScoring(context, progress_view(), ProcessTime(STARTED))
            outcome = scoring.run(request)
            chores = Housekeeping(settings, ledger, self._events, settings.now())
            chores.run(nightly=request.due_date is not None)
            return outcome

    def _connect(self, api: ScoringClient) -> Signature:
        """Return the model's signature; each failed try is an event that says what to do."""
        client = self._settings.client
        policy = retrying(
            client,
            self._stop.window,
            self._stop.sleep,
            lambda state: self._tell_no_server(api.url, failure(state)),
        )
        try:
            for attempt in policy:
                with attempt:
                    if self._stop.requested:
                        self._events.warning("stopped", "stopped before a server answered")
                        raise Interrupted("stopped before a server answered")
                    signature = api.signature(client.model)
        except Exception as error:
            if can_heal(error) or isinstance(error, HttpRefusal):
                raise NoServer(_no_server(api.url, error)) from error
            raise
        return signature

    def _tell_no_server(self, url: str, error: BaseException | None) -> None:
        self._events.warning(NoServer.code, f"{_no_server(url, error)}; trying again")

    def _close_nightly(self, error: Exception) -> None:
        """A due day whose run could not even begin has failed, and the ledger says so."""
        due: date | None = self._arguments.nightly
        if due is None or isinstance(error, Interrupted) or _is_busy(error):
            return
        try:
            with Ledger.from_settings(self._settings) as ledger:
                self._record_failure(ledger, due, str(error))
        except ScoringError as second:
            self._events.error(second.code, str(second))

    def _record_failure(self, ledger: Ledger, due: date, reason: str) -> None:
        """Close the day's run as failed, on the row that is open or on a new one.

        What an open one had scored before it was interrupted still becomes results.
        """
        life = RunLife(self._settings, ledger, self._events)
        run = ledger.nightly_run(due)
        if run is None:
            life.fail_before_it_began(due, reason)
        elif run.state == "running":
            with run_lock(self._settings, "python -m client.request"):
                life.close(run, "failed", reason)


def _is_busy(error: Exception) -> bool:
    return isinstance(error, ScoringError) and error.exit_code == ExitCode.BUSY


def _no_server(url: str, error: BaseException | None) -> str:
    text = f"no scoring server at {url} ({reason(error)})"
    if isinstance(error, HttpRefusal):
        return text
    return f"{text}; {HOW_TO_START}"


def _compression(settings: Settings, url: str) -> Compression:
    chosen = settings.client.compression
    if chosen == "auto":
        return None if is_loopback_url(url) else "zlib"
    return "zlib" if chosen == "zlib" else None


if __name__ == "__main__":
    sys.exit(main())
