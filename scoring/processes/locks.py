"""One scheduler, one desk and one sender of alerts a project folder, one run at a time.

The operating system frees the locks when their holder dies, however it dies. A file beside the
lock names the holder, for the message to the one who finds it taken. filelock is loaded where a
lock is taken: who only asks for a holder finds none most times.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import asdict

from scoring.protocol.errors import Busy, ScoringError
from scoring.protocol.private_folder import make_private_folder
from scoring.protocol.whole_file import read_whole
from scoring.settings import Settings

if TYPE_CHECKING:
    from filelock import FileLock

# They lie beside the ledger.
INSTANCE_LOCK = "scheduler.lock"
RUN_LOCK = "run.lock"
ONCE_LOCK = "once.lock"
DESK_LOCK = "desk.lock"
MODELS_LOCK = "models.lock"
ALERTS_LOCK = "alerts.lock"
CLUSTER_LOCK, CLUSTER_LETTERS = "cluster-{}.lock", 16
POLL_SECONDS = 0.05
# What the desk calls itself while it holds the run lock: for a second or two, and it scores
# nothing. Who finds that waits for it; it is no run.
EXPORT = "the desk's export of Results.csv"
EXPORT_SECONDS = 60.0
# Whoever looks whether a lock is held takes it for an instant; do not fall over that.
GLANCE_SECONDS = 0.3
# What a file system says that has no locks.
NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP})


class Holder(Struct, frozen=True):
    """Who holds a lock; ``since`` is an ISO-8601 time with offset."""

    pid: int
    command: str
    since: str

    def __str__(self) -> str:
        return f"{self.command} (process {self.pid}, since {self.since})"


@contextmanager
def run_lock(
    settings: Settings,
    command: str,
    wait: bool | float = False,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[None]:
    """Hold the run lock: only its holder writes predictions and Results.csv.

    ``command`` names the holder to others. With ``wait`` another holder is waited for, without
    an end (True) or for that many seconds, until ``cancelled`` returns True. Raises Busy and
    names the holder.
    """
    with _held(_lock_file(settings, RUN_LOCK), settings, command, wait, cancelled, "run"):
        yield


@contextmanager
def instance_lock(settings: Settings, command: str, wait: bool | float = False) -> Iterator[None]:
    """Hold the lock of the one scheduler of a project folder; raises Busy naming the first."""
    path = _lock_file(settings, INSTANCE_LOCK)
    with _held(path, settings, command, wait, None, "scheduler"):
        yield


@contextmanager
def once_lock(settings: Settings, command: str) -> Iterator[None]:
    """Hold the lock of the one cycle by hand: its client takes the run lock only seconds later.

    Raises Busy naming the first.
    """
    with _held(_lock_file(settings, ONCE_LOCK), settings, command, False, None, "run"):
        yield


@contextmanager
def desk_lock(settings: Settings, command: str) -> Iterator[None]:
    """Hold the lock of the one desk of a project folder; raises Busy naming the first."""
    path = _lock_file(settings, DESK_LOCK)
    with _held(path, settings, command, False, None, "desk"):
        yield


@contextmanager
def alerts_lock(settings: Settings, command: str) -> Iterator[None]:
    """Hold the lock of the one who sends what the outbox has; raises Busy naming the first."""
    path = _lock_file(settings, ALERTS_LOCK)
    with _held(path, settings, command, False, None, "sender of alerts"):
        yield


@contextmanager
def models_lock(settings: Settings, command: str) -> Iterator[None]:
    """Hold the lock of whoever says which models serve; raises Busy naming the first."""
    path = _lock_file(settings, MODELS_LOCK)
    with _held(path, settings, command, False, None, "switch of models"):
        yield


@contextmanager
def cluster_lock(settings: Settings, place: str, command: str) -> Iterator[None]:
    """Hold the lock of the one cluster run that writes to ``place``, a folder or a URL.

    Of this project folder: what a share or object storage has of locks is not to be relied on.
    Raises Busy naming the first.
    """
    digest = hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:CLUSTER_LETTERS]
    path = _lock_file(settings, CLUSTER_LOCK.format(digest))
    with _held(path, settings, command, False, None, "run to the same --out"):
        yield


def why_no_lock(folder: Path) -> str:
    """Return what the system says against a lock in a folder; "" where there can be one.

    It is tried on a file that nobody sees. On Windows every file system has locks. Raises OSError
    where no file can be made.
    """
    try:
        import fcntl
    except ImportError:
        return ""
    with TemporaryFile(dir=folder, prefix=".check-") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return f"{error.strerror or error}{_advice(error)}"
    return ""


def run_holder(settings: Settings) -> Holder | None:
    """Return who scores at the moment, if anybody."""
    holder = _holder(_lock_file(settings, RUN_LOCK))
    return None if holder and holder.command == EXPORT else holder


def instance_holder(settings: Settings) -> Holder | None:
    """Return the scheduler of this project folder, if one is there."""
    return _holder(_lock_file(settings, INSTANCE_LOCK))


@contextmanager
def _held(
    path: Path,
    settings: Settings,
    command: str,
    wait: bool | float,
    cancelled: Callable[[], bool] | None,
    what: str,
) -> Iterator[None]:
    lock = _acquire(path, wait, cancelled, what)
    try:
        _name_holder(path, Holder(os.getpid(), command, settings.now().isoformat("T", "seconds")))
        yield
    finally:
        with suppress(OSError):
            _sidecar(path).unlink(missing_ok=True)
        lock.release()


def _acquire(
    path: Path, wait: bool | float, cancelled: Callable[[], bool] | None, what: str
) -> FileLock:
    from filelock import FileLock, Timeout

    timeout = -1.0 if wait is True else max(float(wait), GLANCE_SECONDS)
    try:
        # The ledger's folder.
        make_private_folder(path.parent)
        lock = FileLock(path, thread_local=False, fallback_to_soft=False)
        take = partial(lock.acquire, poll_interval=POLL_SECONDS, cancel_check=cancelled)
        try:
            take(timeout=timeout)
        except Timeout:
            holder = _read_sidecar(path)
            if holder is None or holder.command != EXPORT:
                raise
            take(timeout=EXPORT_SECONDS)
    except Timeout as error:
        holder = _read_sidecar(path)
        name = str(holder) if holder else "another process"
        raise Busy(f"another {what} is in progress: {name}") from error
    except FileExistsError as error:
        why = "a file, or a link to what is not there (is a disk off?)"
        raise ScoringError(f"{path} cannot be locked: {path.parent} is {why}") from error
    except OSError as error:
        raise ScoringError(f"{path} cannot be locked: {error}{_advice(error)}") from error
    return lock


def _advice(error: OSError) -> str:
    """Say what helps where a file system has no locks, as many network drives."""
    return "; the ledger belongs on a local disk (paths.ledger)" * (error.errno in NO_LOCKS)


def _holder(path: Path) -> Holder | None:
    """Return the holder; a name whose lock is free is left over from a process that was killed."""
    holder = _read_sidecar(path)
    if holder is None:
        return None
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return holder
    except OSError:
        return None
    with suppress(OSError):
        _sidecar(path).unlink(missing_ok=True)
    lock.release()
    return None


def _lock_file(settings: Settings, name: str) -> Path:
    return settings.ledger_file.parent / name


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _name_holder(path: Path, holder: Holder) -> None:
    """Write the holder's name whole or not at all; the lock holds without it."""
    part = path.with_name(f"{path.name}.{holder.pid}.part")
    try:
        part.write_text(json.dumps(asdict(holder)), encoding="utf-8")
        os.replace(part, _sidecar(path))
    except OSError:  # a full disk; on Windows somebody reads the name of the one before
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _read_sidecar(path: Path) -> Holder | None:
    try:
        document = json.loads(read_whole(_sidecar(path)))
        return Holder(int(document["pid"]), str(document["command"]), str(document["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
