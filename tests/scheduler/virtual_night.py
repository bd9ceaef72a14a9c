"""A clock that only the test moves, and programs that are played: the scheduler itself is real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from scheduler.jobs import job_table
from scheduler.launcher import Cancelled, ClientJob
from scheduler.nightly import Nightly
from scoring.protocol.errors import NoServer
from scoring.protocol.identity import SessionSecret
from scoring.records.ledger import Ledger, Run, State
from scoring.settings import Settings


class VirtualClock:
    """Starts at a moment; time passes by sleeping, and the wall clock can be set."""

    def __init__(self, moment: datetime) -> None:
        self._wall = moment.astimezone(UTC)
        self._monotonic = 0.0
        self.on_tick: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        self._wall += timedelta(seconds=seconds)
        self._monotonic += seconds
        self.on_tick()

    def set_wall(self, moment: datetime) -> None:
        self._wall = moment.astimezone(UTC)


class PlayedServer:
    is_ours = True
    url = "http://127.0.0.1:1"
    secret = SessionSecret("tonight")

    def __init__(self) -> None:
        self.death: str | None = None
        self.stopped = False

    def failure(self) -> str | None:
        return self.death

    def stop(self) -> None:
        self.stopped = True


@dataclass
class Script:
    """How a client behaves: how long it takes, and what it leaves."""

    seconds: float = 60.0
    state: State | None = "done"
    exit_code: int = 0
    leaves_row: bool = True
    heeds_window: bool = True


class PlayedClient:
    """Writes a row when it starts and closes it when its time is over."""

    def __init__(self, theatre: Theatre, job: ClientJob, script: Script) -> None:
        self.job = job
        self.told_window = False
        self._theatre = theatre
        self._script = script
        self._ends_at = theatre.clock.monotonic() + script.seconds
        self._code: int | None = None
        if script.leaves_row:
            self._write_row()

    def exit_code(self) -> int | None:
        if self._code is None and self._theatre.clock.monotonic() >= self._ends_at:
            self._end(self._script.state, self._script.exit_code)
        return self._code

    def wait(self, seconds: float) -> int | None:
        self._theatre.clock.sleep(seconds)
        return self.exit_code()

    def say_window_is_over(self) -> None:
        self.told_window = True
        if self._script.heeds_window:
            self._end("partial", 3)

    def stop(self, grace_seconds: float) -> int:
        if self._code is None:
            self._code = -15
        return self._code

    def log_tail(self) -> str:
        return "the client's last words"

    def _end(self, state: State | None, code: int) -> None:
        self._code = code
        if state and self._script.leaves_row:
            with self._theatre.ledger() as ledger:
                run = ledger.nightly_run(self._due)
                assert run is not None
                ledger.finish_run(run.id, state, "", self._theatre.clock.now())

    def _write_row(self) -> None:
        now = self._theatre.clock.now()
        with self._theatre.ledger() as ledger:
            if ledger.nightly_run(self._due) is None:
                ledger.start_run(
                    Run(f"run-{self._due}", "nightly", self._due, "new", ("G1",), "running", "",
                        "fashion", "v1", now, None)
                )  # fmt: skip

    @property
    def _due(self):  # type: ignore[no-untyped-def]  # a date, as a nightly client always has one
        assert self.job.due_date is not None
        return self.job.due_date


@dataclass
class Theatre:
    """A scheduler with its clock; ``scripts`` and ``server_failures`` are used up in turn."""

    settings: Settings
    clock: VirtualClock
    scripts: list[Script] = field(default_factory=list)
    server_failures: list[str] = field(default_factory=list)
    servers: list[PlayedServer] = field(default_factory=list)
    clients: list[PlayedClient] = field(default_factory=list)
    stopping: bool = False
    senders: int = 0

    def __post_init__(self) -> None:
        self.boot()

    def boot(self) -> None:
        """Start the scheduler's logic anew, as after a restart of the machine."""
        self.nightly = Nightly(self.settings, self.clock, self, lambda: self.stopping)

    def start_server(self, cancelled: Cancelled) -> PlayedServer:
        if self.server_failures:
            raise NoServer(self.server_failures.pop(0))
        self.servers.append(PlayedServer())
        return self.servers[-1]

    def load_client(self, job: ClientJob) -> None:
        """Nothing is gained here: a client begins at once."""

    def drop_client(self) -> None:
        """None was loaded."""

    def start_client(self, server: object, job: ClientJob) -> PlayedClient:
        script = self.scripts.pop(0) if self.scripts else Script()
        self.clients.append(PlayedClient(self, job, script))
        return self.clients[-1]

    def start_sender(self) -> None:
        self.senders += 1

    def ledger(self) -> Ledger:
        return Ledger(self.settings.ledger_file, 5.0)

    def states(self) -> dict[str, str]:
        """Return the state of every due day."""
        with self.ledger() as ledger:
            runs = ledger.nightly_runs(datetime(2000, 1, 1).date())
        return {day.isoformat(): run.state for day, run in sorted(runs.items())}

    def reasons(self) -> list[str]:
        with self.ledger() as ledger:
            return [run.reason for run in reversed(ledger.runs(1000))]

    def events(self, code: str) -> list[str]:
        """Return the messages of an event code."""
        path = self.settings.logs_folder / "Events-log.txt"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        fields = [line.split(", ", 5) for line in lines]
        return [field[5] for field in fields if field[2] == code]

    def run_until(self, moment: datetime, reconcile_every: timedelta | None = None) -> None:
        """Fire the real triggers in the order of time; between them nothing happens."""
        jobs = job_table(self.nightly.policy, self.nightly.reconcile)
        every = (reconcile_every or timedelta(minutes=1)).total_seconds()
        while self.clock.now() < moment:
            self.nightly.reconcile()
            now = self.clock.now()
            soon = now + timedelta(microseconds=1)
            times = [job.trigger.get_next_fire_time(None, soon) for job in jobs[:-1]]
            following = min([time for time in times if time], default=moment)
            wait = min((following - now).total_seconds(), every, (moment - now).total_seconds())
            self.clock.sleep(max(wait, 0.0))
