"""``python -m scheduler --once``: one full cycle now, as a run by hand."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from scheduler.clock import SystemClock
from scheduler.launcher import ClientJob, ProcessLauncher
from scheduler.session import ClientEnd, Session, Tell
from scoring.processes.locks import once_lock, run_holder
from scoring.processes.port_owner import port_is_taken
from scoring.processes.readiness import read_readiness
from scoring.processes.stop_signals import on_stop_signals
from scoring.protocol.errors import Busy, ExitCode, NoServer, ScoringError
from scoring.records.events_log import EventsLog, Level
from scoring.settings import Settings

# Port 0: any that is free.
ANY_PORT = 0
# As others are told of it.
ONCE = "python -m scheduler --once"

log = logging.getLogger("scoring.scheduler")


def run_once(settings: Settings, rescore: bool) -> int:
    """Start a server, score every batch, stop the server; return the client's exit code.

    Tonight's run stays due. Raises Busy while another run is in progress, NoServer where no
    server can be started.
    """
    stop = threading.Event()
    on_stop_signals(stop.set, terminal_closed=True)
    with _alone(settings):
        return _cycle(settings, rescore, stop)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Keep two cycles apart, else the second finds the port taken; raises Busy."""
    with ExitStack() as stack:
        try:
            stack.enter_context(once_lock(settings, ONCE))
        except Busy:
            raise
        except ScoringError:
            pass  # what keeps a lock from being made, the client meets as well, and tells
        yield


def _cycle(settings: Settings, rescore: bool, stop: threading.Event) -> int:
    holder = run_holder(settings)
    if holder:
        raise Busy(f"another run is in progress: {holder}")
    clock = SystemClock(settings.zone, stop)
    launcher = ProcessLauncher(settings, _own_port(settings))
    tell = _teller(settings)
    session = Session(settings, clock, launcher, stop.is_set, tell)
    try:
        job = ClientJob(None, rescore)
        session.require_server(job=job)
        # Server and client have begun: what is needed after the run loads while they work.
        from scheduler.outbox import Outbox

        end = session.score(job)
        with suppress(ScoringError):  # whatever keeps the ledger has been told
            Outbox(settings, clock.now, launcher.start_sender, tell).send()
        return _exit_code(end, tell)
    except NoServer as error:
        tell("INFO" if stop.is_set() else "ERROR", error.code, str(error))
        raise
    finally:
        session.shut_down()


def _exit_code(end: ClientEnd, tell: Tell) -> int:
    """Return the client's; one that was killed has told nobody, and has none of ours."""
    if end.exit_code in list(ExitCode):
        return end.exit_code
    tell("ERROR", "client-died", str(end))
    log.error("%s", end)
    return ExitCode.FAILED


def _own_port(settings: Settings) -> int | None:
    """Choose the port for this cycle's own server: the one in settings, or any.

    Another server of this software on it, the standing scheduler's for example, may be stopped
    at any time and may hold another model: it is left alone. A foreign program on it is an
    error that the start of the server will name, for tonight's run would meet it too.
    """
    server = settings.server
    if not settings.schedule.start_server or not port_is_taken(server.host, server.port):
        return None
    answer = read_readiness(settings.server_url)
    if answer is None or answer.foreign:
        return None
    log.info("port %d has a server already; this run starts one of its own", server.port)
    return ANY_PORT


def _teller(settings: Settings) -> Tell:
    """Return what writes events; the client in the foreground has the terminal for itself."""
    events = EventsLog.from_settings(settings)

    def tell(level: Level, code: str, message: str) -> None:
        events.write(level, code, message)

    return tell
