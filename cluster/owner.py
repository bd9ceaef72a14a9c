"""One run at a time writes to ``--out``, whichever machine and project folder it was begun from.

What a share or object storage has of locks is not to be relied on. So the run at work has its name
in a file there, and writes that anew as long as it lives; who finds another's name looks whether it
still changes. Two that begin within the same instant may both begin: whoever finds the other's name
at its next turn gives up, and until then both write the same bytes.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass

from cluster.storage import Storage
from scoring.protocol.errors import Busy
from scoring.settings import Settings

OWNER_FILE = "_owner.json"  # those who read the folder as one table pass over it
# Shares show a change to others within half a minute; who was still for two is dead.
BEAT_SECONDS, DEAD_SECONDS, LOOK_SECONDS = 10.0, 60.0, 1.0

Tell = Callable[[str], object]


@dataclass(frozen=True)
class Owner:
    """A run that writes to ``--out``; ``beat`` counts how often it said so."""

    machine: str
    project: str
    place: str
    pid: int
    since: str
    run: str
    beat: int = 0

    def __str__(self) -> str:
        return f"process {self.pid} on {self.machine}, project {self.project}, since {self.since}"

    def has_lock_of(self, other: Owner) -> bool:
        """Tell whether both had to hold the same lock of one project folder (``cluster_lock``)."""
        ours = (self.machine, self.project, self.place)
        return ours == (other.machine, other.project, other.place)

    def as_json(self) -> bytes:
        """Return the file's content."""
        return json.dumps(asdict(self), indent=2).encode() + b"\n"


class OwnedPlace:
    """A folder that this run owns, until another takes it over."""

    def __init__(self, out: Storage, owner: Owner) -> None:
        self._out = out
        self._owner = owner
        self._other: Owner | None = None
        self._ended = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="owning --out", daemon=True)

    def begin(self) -> None:
        """Put the name there; raises OSError."""
        self._out.write(OWNER_FILE, self._owner.as_json())
        self._beating.start()

    def end(self) -> None:
        """Take the name away, if it is this run's still."""
        self._ended.set()
        self._beating.join()
        if self._other is None:
            with suppress(OSError):
                self._out.remove(OWNER_FILE)

    def check(self) -> None:
        """Raise Busy once another run has its name there."""
        if self._other:
            raise Busy(f"another run took --out over: {self._other}")

    def _beat(self) -> None:
        beat = 0
        while not self._ended.wait(BEAT_SECONDS):
            beat += 1
            # Storage that is away for a while ends the run where it is missed.
            with suppress(Exception):
                there = _parsed(_content(self._out))
                if there and there.run != self._owner.run:
                    self._other = there
                    return
                document = {**asdict(self._owner), "beat": beat}
                self._out.write(OWNER_FILE, Owner(**document).as_json())


@contextmanager
def owned(out: Storage, place: str, settings: Settings, tell: Tell) -> Iterator[OwnedPlace]:
    """Own ``out``, which lies at ``place``, while the block runs; ``cluster_lock`` is held.

    Raises Busy while another run is at work there. To know that it is not takes a minute, unless
    it was of this machine, project folder and place: then its lock would be held.
    """
    owner = Owner(
        machine=f"{socket.gethostname()} ({uuid.getnode():012x})",
        project=str(settings.project),
        place=place,
        pid=os.getpid(),
        since=settings.now().isoformat("T", "seconds"),
        run=secrets.token_hex(8),
    )
    _wait_for_death(out, owner, tell)
    ours = OwnedPlace(out, owner)
    ours.begin()
    try:
        yield ours
    finally:
        ours.end()


def _wait_for_death(out: Storage, owner: Owner, tell: Tell) -> None:
    """Return once nobody else is at work; raises Busy where somebody is."""
    first = _content(out)
    if first is None:
        return
    there = _parsed(first)
    if there and owner.has_lock_of(there):
        return
    name = str(there or "another run")
    tell(f"--out belongs to {name}; looking for {DEAD_SECONDS:g} s whether that is at work still")
    until = time.monotonic() + DEAD_SECONDS
    while time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        now = _content(out)
        if now is None:
            return
        if now != first:
            raise Busy(
                f"another run to the same --out is in progress: {_parsed(now) or name};"
                " wait for it, or name another folder"
            )


def _content(out: Storage) -> bytes | None:
    try:
        return out.read(OWNER_FILE)
    except FileNotFoundError:
        return None


def _parsed(content: bytes | None) -> Owner | None:
    """Return who is named; None where nobody is, or what stands there cannot be read."""
    try:
        return Owner(**json.loads(content or b"{}"))
    except (ValueError, TypeError):
        return None
