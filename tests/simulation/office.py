"""An office for 300 days: the scheduler, client, server, ledger and files are real.

Only time and the starting of processes are played. The office is the launcher of the scheduler.
"""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import ClassVar

import orjson
import requests

from scheduler.jobs import job_table
from scheduler.launcher import Cancelled, ClientJob, ServerHandle
from scheduler.nightly import Nightly
from scoring.protocol.errors import NoServer
from scoring.protocol.identity import SessionSecret
from scoring.records.due_days import DueDay, Policy, due_day
from scoring.records.ledger_reader import LedgerReader
from scoring.settings import Settings
from server.models import ModelTable
from tests.simulation.flask_transport import FlaskTransport, Reply, prove, session_over
from tests.simulation.image_share import ImageShare
from tests.simulation.mishaps import Mishap
from tests.simulation.office_clock import OfficeClock
from tests.simulation.programs import STEP_SECONDS, Killed, SimulatedClient, SimulatedServer

SECRET, ANOTHER = SessionSecret("tonight"), SessionSecret("another")
MINUTE = timedelta(minutes=1)
# The scheduler looks every minute; the simulation on some nights only, and in daytime hourly.
FAR = timedelta(minutes=60)
RESTART = timedelta(minutes=2)


class PowerCut(BaseException):
    """The machine goes off under the scheduler."""


class OfficeSettings(Settings):
    """Settings whose present time is the office's."""

    clock: ClassVar[OfficeClock]

    def now(self) -> datetime:
        return self.clock.now()


class Office:
    """One machine in one office; ``live_until`` lets time pass."""

    usual_answer_seconds = 0.2

    def __init__(self, settings: OfficeSettings, models: ModelTable, random: Random) -> None:
        self.settings = settings
        self.clock = settings.clock
        self.share = ImageShare(settings.batches_folder, random)
        self.server: SimulatedServer | None = None
        self.stranger: SimulatedServer | None = None
        self.client: SimulatedClient | None = None
        self.mishaps: list[Mishap] = []
        self.was_calm = False
        self.look_every = MINUTE
        self.last_client_at = self.clock.true
        self.vanished: set[str] = set()
        # When nightly runs were started last, in true time, whatever the clock said.
        self.started_at: dict[date, datetime] = {}
        # What the desk has seen: images by batch and name, as Results.csv spells them.
        self.shown: set[tuple[str, str]] = set()
        self.copies_read: set[str] = set()
        self.crashes: list[BaseException] = []
        # They hold the ledger, until the power is cut at the latest.
        self.other_programs: list[sqlite3.Connection] = []
        self.dead_starts = 0
        self._at_work = ""
        self.answer_seconds = self.usual_answer_seconds
        self.too_many = False
        self.stopping = False
        self._models = models
        self._policy = Policy.from_settings(settings)
        self._requests = 0
        self._off: timedelta | None = None
        self._replace = os.replace
        self.clock.on_tick = self._tick
        self.boot()

    def boot(self) -> None:
        """Start the scheduler, as after a start of the machine."""
        self.stopping = False
        self._just_booted = True
        self.nightly = Nightly(self.settings, self.clock, self, lambda: self.stopping)

    # Nights

    def prepare(self, mishaps: list[Mishap], run_at: datetime) -> None:
        """Let the next night have these mishaps."""
        self.mishaps = mishaps
        self.vanished.clear()
        self._requests = 0
        for mishap in mishaps:
            mishap.begin(self, run_at)

    def end_night(self) -> None:
        for mishap in self.mishaps:
            mishap.end(self)
        self.mishaps = []

    def live_until(self, moment: datetime) -> None:
        """Let the scheduler do its work until a true time.

        After a power cut that lasts longer it looks once at what it has missed.
        """
        while self.clock.true < moment or self._just_booted:
            try:
                self._just_booted = False
                self.nightly.reconcile()
                if self.stopping:
                    self._restart_scheduler()
                self.clock.sleep(self._next_look(moment).total_seconds())
            except PowerCut:
                self._power_comes_back()
            except Killed:  # it was the scheduler that wrote the file
                self._off = RESTART
                self._power_comes_back()

    def by_hand(self, *arguments: str) -> int:
        """Run ``client.request`` while a server by hand is up; return the exit code."""
        server = self.server = SimulatedServer(self.settings, self._models, None, self._forget)
        client = self._start_client([*arguments, "--server", server.url], None, None)
        while (code := client.exit_code()) is None:
            self.clock.sleep(STEP_SECONDS)
        server.stop()
        return code

    def due_day(self, day: date) -> DueDay:
        return due_day(day, self._policy)

    # What mishaps do

    def cut_power(self, off: timedelta) -> None:
        """Switch the machine off at the next tick."""
        self._off = off

    def let_in_a_stranger(self) -> None:
        self.stranger = SimulatedServer(self.settings, self._models, ANOTHER, lambda: None)

    def replace(self, source: str | Path, target: str | Path) -> None:
        """Stand in for ``os.replace``: the seam for a disk that is full."""
        for mishap in self.mishaps:
            mishap.replace(Path(target))
        self._replace(source, target)

    # The launcher

    def start_server(self, cancelled: Cancelled) -> SimulatedServer:
        if self.dead_starts:
            self.dead_starts -= 1
            raise NoServer("the server ended with exit code 1 before it was ready: no message")
        self.server = SimulatedServer(self.settings, self._models, SECRET, self._forget)
        return self.server

    def load_client(self, job: ClientJob) -> None:
        """Nothing is gained here: a client begins at once."""

    def drop_client(self) -> None:
        """None was loaded."""

    def start_client(self, server: ServerHandle, job: ClientJob) -> SimulatedClient:
        if job.due_date:
            self.started_at[job.due_date] = self.clock.true
        arguments = job.arguments(server.url)
        return self._start_client(arguments, server.secret, job.window_seconds)

    def _start_client(
        self, arguments: list[str], secret: SessionSecret | None, window_seconds: float | None
    ) -> SimulatedClient:
        self.last_client_at = self.clock.true
        self.client = client = SimulatedClient(self.clock, window_seconds)
        server = self.settings.client.replaced(server=SimulatedServer.url)
        settings = self.settings.replaced(client=server)
        client.start(settings, arguments, secret, session_over(FlaskTransport(self._answer)))
        return client

    def start_sender(self) -> None:
        """Nobody is told."""

    # The wire

    def _answer(self, request: requests.PreparedRequest, read_seconds: float) -> Reply:
        assert self.client
        predicting = (request.url or "").endswith("/predict")
        waits = self.answer_seconds if predicting else self.usual_answer_seconds
        self.client.pause(min(waits, read_seconds))
        if waits > read_seconds:
            raise requests.ReadTimeout("no answer in time")
        if predicting:
            self._requests += 1
            self._at_work = str(request.headers["X-Request-Id"])
            self._spoil_request(request)
        server = self.stranger or self.server
        if server is None:
            raise requests.ConnectionError("connection refused")
        reply = server.answer(request)
        # Whatever goes wrong with an answer goes wrong in the server, before it is proved.
        return prove(self._spoil_reply(reply), request, server.secret) if predicting else reply

    @property
    def batch_at_work(self) -> str:
        """Return the batch of the last request: its id holds the run and the batch's position."""
        run_id, position, _ = self._at_work.split("/")
        with LedgerReader.from_settings(self.settings) as ledger:
            run = ledger.run(run_id)
        assert run
        return run.batches[int(position)]

    def _spoil_request(self, request: requests.PreparedRequest) -> None:
        body = orjson.loads(request.body or b"")
        for mishap in self.mishaps:
            mishap.request(self, self._requests, body)

    def _spoil_reply(self, reply: Reply) -> Reply:
        if self.too_many:
            return Reply(413, {}, b'{"error": {"message": "too many"}}')
        for mishap in self.mishaps:
            reply = mishap.spoil(self._requests, reply)
        return reply

    # Time

    def _tick(self) -> None:
        if self._off:
            raise PowerCut
        if self.client:
            self.client.advance()
            self._look_after_client(self.client)
        if self._off:
            raise PowerCut

    def _look_after_client(self, client: SimulatedClient) -> None:
        if client.exit_code() is not None:
            self.crashes.extend([client.crash] if client.crash else [])
            self.client = None

    def _next_look(self, moment: datetime) -> timedelta:
        """Return how long to sleep: to the next trigger, by the wall clock, or the next look."""
        now = self.clock.now().astimezone(UTC)
        jobs = job_table(self._policy, self.nightly.reconcile)[:-1]
        soon = now + timedelta(microseconds=1)
        times = [job.trigger.get_next_fire_time(None, soon) for job in jobs]
        waits = [time - now for time in times if time]
        near = any(wait < MINUTE for wait in waits) or self.server is not None
        every = self.look_every if near else FAR
        wait: timedelta = min(*waits, every, moment - self.clock.true)
        return max(wait, timedelta(milliseconds=1))

    def _power_comes_back(self) -> None:
        assert self._off
        off, self._off = self._off, None
        if self.client:
            self.client.kill()
            self._look_after_client(self.client)
        self.client = self.server = None
        while self.other_programs:
            self.other_programs.pop().close()
        self.clock.suspend(off)
        self.boot()

    def _restart_scheduler(self) -> None:
        self.nightly.shut_down()
        self.clock.sleep(RESTART.total_seconds())
        self.boot()

    def _forget(self) -> None:
        self.server = None


def office_settings(folder: Path, clock: OfficeClock, **changes: object) -> OfficeSettings:
    """Return settings with small chunks, small logs and short memories."""
    OfficeSettings.clock = clock
    return OfficeSettings(
        project=folder,
        client={"chunk_rows": 4, "decode_threads": 1, "retry_seconds": 60.0},
        schedule={"start_at": time(2, 30), "zone": str(clock.zone)},
        records={
            **{"log_bytes": 30_000, "log_files": 5, "busy_seconds": 0.1},
            **{"keep_days": 60, "runs_keep_days": 30, "low_disk_bytes": 0},
        },
    )
