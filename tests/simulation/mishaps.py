"""What goes wrong on a night, each as one object.

``begin`` is called in the afternoon with the true time of the next run, ``request`` before the
server gets the night's n-th prediction request, ``spoil`` with its answer, ``replace`` before a
file takes another's place, ``end`` in the morning.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
import requests

from tests.simulation.flask_transport import Reply
from tests.simulation.programs import Killed

if TYPE_CHECKING:
    from tests.simulation.office import Office

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
ALWAYS = 1000


class Mishap:
    """A night on which nothing goes wrong."""

    def begin(self, office: Office, run_at: datetime) -> None: ...

    def request(self, office: Office, number: int, body: Any) -> None: ...

    def spoil(self, number: int, reply: Reply) -> Reply:
        return reply

    def replace(self, target: Path) -> None: ...

    def end(self, office: Office) -> None: ...

    def __str__(self) -> str:
        details = ", ".join(f"{name} {value}" for name, value in vars(self).items())
        return f"{type(self).__name__} ({details})" if details else type(self).__name__


class ServerDeadAtStart(Mishap):
    """The server ends before it is ready, once or every time."""

    def __init__(self, random: Random) -> None:
        self.times = random.choice((1, ALWAYS))

    def begin(self, office: Office, run_at: datetime) -> None:
        office.dead_starts = self.times

    def end(self, office: Office) -> None:
        office.dead_starts = 0


class ServerDies(Mishap):
    """The server dies in a request; perhaps it does not come up again either."""

    def __init__(self, random: Random) -> None:
        self.at = random.randint(1, 4)
        self.dead_starts = random.choice((0, 0, ALWAYS))

    def request(self, office: Office, number: int, body: Any) -> None:
        if number == self.at and office.server:
            office.dead_starts = self.dead_starts
            office.server.death = "the server ended with exit code -9"
            raise requests.ConnectionError("connection reset")

    def end(self, office: Office) -> None:
        office.dead_starts = 0


class Overloaded(Mishap):
    """503 with a Retry-After, for a while."""

    def __init__(self, random: Random) -> None:
        self.until = random.choice((1, 2, ALWAYS))
        self.retry_after = random.choice(("5", "86400"))

    def spoil(self, number: int, reply: Reply) -> Reply:
        if number > self.until:
            return reply
        return Reply(503, {"Retry-After": self.retry_after}, b'{"error": {"message": "busy"}}')


class AnswerCutShort(Mishap):
    """An answer breaks off, once or every time."""

    def __init__(self, random: Random) -> None:
        self.until = random.choice((1, 2, ALWAYS))

    def spoil(self, number: int, reply: Reply) -> Reply:
        if number > self.until:
            return reply
        return Reply(200, {"Content-Length": str(len(reply.body))}, reply.body[:40])


LIES: dict[str, Callable[[list[dict[str, Any]]], object]] = {
    "count": lambda rows: rows.pop(),
    "order": lambda rows: rows.reverse() if len(rows) > 1 else rows.clear(),
    "id": lambda rows: rows[0].update(id=99_999),
    "label": lambda rows: rows[0].update(label="Hat"),
    "confidence": lambda rows: rows[0].update(confidence=1.5),
    "twice": lambda rows: rows.append(rows[0]),
}


class Lies(Mishap):
    """The server answers what was not asked."""

    def __init__(self, random: Random) -> None:
        self.about = random.choice(sorted(LIES))
        self.at = random.randint(1, 3)

    def spoil(self, number: int, reply: Reply) -> Reply:
        if number != self.at or reply.status != 200:
            return reply
        try:
            document = orjson.loads(reply.body)
        except orjson.JSONDecodeError:  # cut short already, by another mishap
            return reply
        LIES[self.about](document["predictions"])
        return Reply(200, {}, orjson.dumps(document))


class Slow(Mishap):
    """Every answer takes long: past the client's patience, or past the run's window."""

    def __init__(self, random: Random) -> None:
        self.seconds = random.choice((30.0, 110.0, 500.0))

    def begin(self, office: Office, run_at: datetime) -> None:
        office.answer_seconds = self.seconds

    def end(self, office: Office) -> None:
        office.answer_seconds = office.usual_answer_seconds


class SmallServer(Mishap):
    """A server that takes no more than two rows (413)."""

    def request(self, office: Office, number: int, body: Any) -> None:
        office.too_many = body["dataframe_b64"]["shape"][0] > 2

    def end(self, office: Office) -> None:
        office.too_many = False


class Stranger(Mishap):
    """The server is gone, and another one is on its port."""

    def __init__(self, random: Random) -> None:
        self.at = random.randint(1, 3)

    def request(self, office: Office, number: int, body: Any) -> None:
        if number == self.at:
            office.let_in_a_stranger()
            raise requests.ConnectionError("connection reset")

    def end(self, office: Office) -> None:
        office.stranger = None


class ClientKilled(Mishap):
    """The client is killed between two chunks, once or again and again."""

    def __init__(self, random: Random) -> None:
        first = random.randint(1, 4)
        self.at = random.choice(((first,), (first, first + 1), (first, first + 1, first + 2)))

    def request(self, office: Office, number: int, body: Any) -> None:
        if number in self.at:
            raise Killed


class KilledAtExport(Mishap):
    """Who writes Results.csv is killed just before it is put in place."""

    def __init__(self, random: Random) -> None:
        self.left = random.choice((1, 2))

    def replace(self, target: Path) -> None:
        if target.name == "Results.csv" and self.left:
            self.left -= 1
            raise Killed


class DiskFull(Mishap):
    """Results.csv cannot be written."""

    def replace(self, target: Path) -> None:
        if target.name.startswith("Results"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class MachineOff(Mishap):
    """The power is cut some time before or after the run is due, for minutes or days."""

    def __init__(self, random: Random) -> None:
        self.at = random.choice((-90, -3, 3, 6)) * MINUTE
        self.off = random.choice((0.1, 0.5, 3, 8, 15, 26, 55)) * HOUR

    def begin(self, office: Office, run_at: datetime) -> None:
        office.clock.at(run_at + self.at, lambda: office.cut_power(self.off))


class PowerCutInRun(Mishap):
    """The power is cut in the middle of a run."""

    def __init__(self, random: Random) -> None:
        self.at = random.randint(1, 4)
        self.off = random.choice((0.05, 0.3, 2, 20, 50)) * HOUR

    def request(self, office: Office, number: int, body: Any) -> None:
        if number == self.at:
            office.cut_power(self.off)
            raise Killed


class Asleep(Mishap):
    """The machine sleeps across the due time, or falls asleep in the run."""

    def __init__(self, random: Random) -> None:
        self.at = random.choice((-60, -1, 5.1)) * MINUTE
        self.span = random.choice((0.2, 2, 5)) * HOUR

    def begin(self, office: Office, run_at: datetime) -> None:
        office.clock.at(run_at + self.at, lambda: office.clock.suspend(self.span))


class ClockJumps(Mishap):
    """The wall clock is set wrong for some hours, by up to two days."""

    def __init__(self, random: Random) -> None:
        self.by = random.choice((-47, -24, -3, -0.6, 0.6, 3, 24, 36)) * HOUR
        self.at = random.choice((-300, -30, -1)) * MINUTE

    def begin(self, office: Office, run_at: datetime) -> None:
        office.clock.at(run_at + self.at, lambda: self._set(office, self.by))
        office.clock.at(run_at + 2 * HOUR, lambda: self._set(office, timedelta(0)))

    def _set(self, office: Office, error: timedelta) -> None:
        office.clock.error = error

    def end(self, office: Office) -> None:
        office.clock.error = timedelta(0)


class ImageVanishes(Mishap):
    """An image that was listed is gone when it is read."""

    def request(self, office: Office, number: int, body: Any) -> None:
        if number == 1:
            vanished = office.share.vanish_last(office.batch_at_work)
            office.vanished.update({vanished} if vanished else ())


class CopiedLate(Mishap):
    """A file is still being copied when the run comes."""

    def begin(self, office: Office, run_at: datetime) -> None:
        office.clock.at(run_at - MINUTE, lambda: office.share.copy_late(run_at))


class LedgerLocked(Mishap):
    """Another program holds the ledger for two minutes."""

    def __init__(self, random: Random) -> None:
        self.at = random.randint(1, 3)

    def request(self, office: Office, number: int, body: Any) -> None:
        if number != self.at:
            return
        other = sqlite3.connect(office.settings.ledger_file, check_same_thread=False)
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        office.other_programs.append(other)
        office.clock.at(office.clock.true + 2 * MINUTE, other.close)


class ShareGone(Mishap):
    """The whole folder of batches is not there that night."""

    def begin(self, office: Office, run_at: datetime) -> None:
        office.clock.at(run_at - HOUR, lambda: self._away(office))

    def _away(self, office: Office) -> None:
        os.rename(office.share.folder, office.share.folder.with_name("unmounted"))

    def end(self, office: Office) -> None:
        if not office.share.folder.exists():
            os.rename(office.share.folder.with_name("unmounted"), office.share.folder)


class SchedulerRestarted(Mishap):
    """Somebody restarts the scheduler in the middle of a run, in an orderly way."""

    def __init__(self, random: Random) -> None:
        self.at = random.randint(1, 4)

    def request(self, office: Office, number: int, body: Any) -> None:
        if number == self.at:
            office.stopping = True


class LedgerDamaged(Mishap):
    """The ledger's file is overwritten while nobody uses it, after a night that was backed up."""

    def begin(self, office: Office, run_at: datetime) -> None:
        office.clock.at(run_at - 2 * MINUTE, lambda: self._spoil(office.settings.ledger_file))

    def _spoil(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as ledger:
            ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with path.open("r+b") as file:
            file.write(b"\0" * 100)


def draw(random: Random) -> list[Mishap]:
    """Return what goes wrong on one night: on most nights nothing."""
    count = random.choices((0, 1, 2), (0.55, 0.35, 0.1))[0]
    return [make(random) for make in random.sample(MISHAPS, count)]


MISHAPS: tuple[Callable[[Random], Mishap], ...] = (
    *(ServerDeadAtStart, ServerDies, Overloaded, AnswerCutShort, Lies, Slow, Stranger),
    *(ClientKilled, KilledAtExport, MachineOff, PowerCutInRun, Asleep, ClockJumps),
    *(LedgerLocked, SchedulerRestarted),
    *(lambda _: SmallServer(), lambda _: DiskFull(), lambda _: ImageVanishes()),
    *(lambda _: CopiedLate(), lambda _: ShareGone()),
)
