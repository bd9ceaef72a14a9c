"""What the night reads and writes: folders, Results.csv, the ledger, batches, the disk."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from msgspec import Struct, field

from scheduler.finding import Finding, Verdict
from scheduler.ledger_look import ledger_to_read, require_no_writer
from scoring.batches.batch_folders import BatchFolders
from scoring.batches.image_folder import Batch, all_batches, expected_batches, list_images
from scoring.batches.run_reading import IN_FLIGHT_FILE
from scoring.batches.vanished import missed_batches
from scoring.processes.locks import INSTANCE_LOCK, RUN_LOCK, why_no_lock
from scoring.protocol.errors import LedgerDamaged, LedgerOutdated, ScoringError
from scoring.protocol.whole_file import what_stands_there
from scoring.records.atomic_file import behind_link
from scoring.records.events_log import FILE_NAME as EVENTS_LOG
from scoring.records.metrics_log import FILE_NAME as METRICS_LOG
from scoring.records.mixed_models import tell_mixed
from scoring.records.text import on_one_line
from scoring.settings import Settings

# A night of 100,000 images writes some 100 MB of ledger, results and copies.
TOO_FEW_BYTES = 100_000_000
LOCKS = (RUN_LOCK, INSTANCE_LOCK)
# Without these a run goes on all the same.
BESIDE = (*(f"{lock}.json" for lock in LOCKS), IN_FLIGHT_FILE, "desk.secret")
LOGS = (EVENTS_LOG, METRICS_LOG, "server.log", "client.log")
# What SQLite has beside a database that is open.
SIDE_FILES = ("-wal", "-shm")


def check_folders(settings: Settings) -> Iterator[Finding]:
    """Results, ledger, locks and logs must be written; without logs the run goes on."""
    yield _results(settings.results_file)
    yield _locking(settings.ledger_file.parent)
    yield _folder(settings.logs_folder, "WARN")
    yield from _files(settings)


def check_ledger(settings: Settings) -> Iterator[Finding]:
    """It can be read and written; what was lost or damaged is for the next run to mend."""
    try:
        with ledger_to_read(settings) as ledger:
            open_runs = None if ledger is None else len(ledger.running())
        require_no_writer(settings)
    except LedgerOutdated as error:
        yield Finding("OK", "ledger", str(error))
    except LedgerDamaged as error:
        text = "the next run sets it aside and takes the latest backup, or begins anew"
        yield Finding("FAIL", "ledger", f"{error}; {text}")
    except ScoringError as error:
        yield Finding("FAIL", "ledger", str(error))
    else:
        if open_runs is None:
            yield Finding("OK", "ledger", f"{settings.ledger_file} is made by the first run")
        else:
            unfinished = f"; {open_runs} unfinished" if open_runs else ""
            yield Finding("OK", "ledger", f"{settings.ledger_file}{unfinished}")


def check_results(settings: Settings) -> Iterator[Finding]:
    """What stands in Results.csv already may be of several models; the night adds to it."""
    try:
        with ledger_to_read(settings) as ledger:
            mixed = ledger.mixed_batches() if ledger else {}
    except ScoringError:
        return  # what is wrong with the ledger has been told
    for batch, images in mixed.items():
        yield Finding("WARN", "results", tell_mixed(batch, images))


def check_batches(settings: Settings) -> Iterator[Finding]:
    """They must be there and let themselves be listed; one that does not costs no other."""
    home = settings.batches_folder
    try:
        batches, beside = tonights_batches(settings)
    except ScoringError as error:
        yield Finding("FAIL", "batches", str(error))
        return
    listed = _Listed.of(batches, settings)
    yield from listed.findings(home)
    gone = _missed(settings, listed)
    if gone:
        names = ", ".join(map(on_one_line, gone))
        text = f"the last night had images in {names}: gone or empty. Is a share not mounted?"
        yield Finding("WARN", "batches", text)
    for line in beside.warnings():
        yield Finding("WARN", "batches", line)


def tonights_batches(settings: Settings) -> tuple[list[Batch], BatchFolders]:
    """Return the batches that the night will score, and what was found beside them.

    Raises BatchMissing where there are none to be had.
    """
    home, named = settings.batches_folder, settings.schedule.batches
    if named:
        return expected_batches(named, home), BatchFolders()
    return all_batches(home, settings.batches)


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Warn where the run would warn, fail where it could not write a large night."""
    folders = (settings.ledger_file.parent, settings.results_file.parent)
    try:
        free = min(shutil.disk_usage(_nearest(folder)).free for folder in folders)
    except OSError as error:  # a link to a disk that is off
        yield Finding("FAIL", "disk", str(error))
        return
    verdict: Verdict = "OK" if free >= settings.records.low_disk_bytes else "WARN"
    if free < TOO_FEW_BYTES:
        verdict = "FAIL"
    yield Finding(verdict, "disk", f"{free / 1e9:.1f} GB free")


class _Listed(Struct):
    """The batches as the run will list them.

    ``images``: how many each has; ``lost``: why those could not be listed; ``partly``: what in
    the others cannot be read.
    """

    images: dict[str, int] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    partly: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, batches: Sequence[Batch], settings: Settings) -> Self:
        """List them all."""
        listed = cls()
        for batch in batches:
            try:
                images = list_images(batch.folder, settings.batches)
            except ScoringError as error:
                listed.lost[batch.name] = str(error)
                continue
            listed.images[batch.name] = len(images)
            unreadable = images.left_out.tell_unreadable()
            if unreadable:
                listed.partly[batch.name] = f"not to be read: {on_one_line(unreadable)}"
        return listed

    def findings(self, home: Path) -> Iterator[Finding]:
        """Tell how much there is, and what will be missing: all of it makes no night."""
        if self.images:
            count, images = len(self.images), sum(self.images.values())
            yield Finding("OK", "batches", f"{count} in {home}, {images} images")
        elif not self.lost:
            yield Finding("WARN", "batches", f"no folder of images in {home} yet")
        verdict: Verdict = "WARN" if self.images else "FAIL"
        for name, why in {**self.lost, **self.partly}.items():
            yield Finding(verdict, "batches", f"{name}: {why}")


def _missed(settings: Settings, listed: _Listed) -> list[str]:
    """Return the batches that the last night had and that are gone."""
    home = settings.batches_folder
    try:
        with ledger_to_read(settings) as ledger:
            return missed_batches(ledger, home, listed.images, listed.lost) if ledger else []
    except ScoringError:
        return []  # what is wrong with the ledger has been told


def _results(path: Path) -> Finding:
    """Results.csv must be made or replaced, where it is or where a link leads to."""
    try:
        target = behind_link(path)
        status = target.stat() if target.exists() else None
    except OSError as error:
        return Finding("FAIL", "folder", f"{path}: {error.strerror}")
    if status and not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
        return Finding("FAIL", "folder", f"{target} is {what}; paths.results names a file")
    if not target.parent.is_dir():
        verdict: Verdict = "WARN" if target == path else "FAIL"
        made = "is made by the run, if that is meant" if target == path else "is not there"
        return Finding(verdict, "folder", f"{target.parent} of {path.name} {made}")
    if status and _may_not_replace(status, target.parent):
        return Finding("FAIL", "folder", f"{target} is another user's, who alone may replace it")
    return _folder(target.parent, "FAIL")


def _may_not_replace(file: os.stat_result, folder: Path) -> bool:
    """Tell whether the folder is one like ``/tmp``, where everybody keeps what is his."""
    if os.name == "nt":
        return False
    around = folder.stat()
    return bool(around.st_mode & stat.S_ISVTX) and os.geteuid() not in (
        *(0, file.st_uid, around.st_uid),
    )


def _files(settings: Settings) -> Iterator[Finding]:
    """Tell of files whose folder can be written, but not they: a run by root left them there."""
    ledger, data = settings.ledger_file, settings.ledger_file.parent
    locks = [data / name for name in LOCKS]
    written = [ledger, *(Path(f"{ledger}{part}") for part in SIDE_FILES), *locks]
    for path in written:
        yield from _file(path, os.R_OK | os.W_OK, "FAIL")
    for path in locks:
        if os.path.islink(path) or what_stands_there(path):
            yield Finding("FAIL", "file", f"{path} has to be a file: remove it")
    beside = [*(data / name for name in BESIDE), *(settings.logs_folder / name for name in LOGS)]
    for path in (*beside, settings.pictures_file):
        other = what_stands_there(path)
        if other:
            text = f"{path} is {other}, and has to be a file: remove it"
            yield Finding("WARN", "file", text)
    # Another file is put in its place, but what people typed into it is read before.
    yield from _file(settings.results_file, os.R_OK, "FAIL")
    for path in (settings.pictures_file, settings.logs_folder / EVENTS_LOG):
        yield from _file(path, os.R_OK | os.W_OK, "WARN")


def _file(path: Path, needed: int, otherwise: Verdict) -> Iterator[Finding]:
    effective = os.access in os.supports_effective_ids
    if os.path.isfile(path) and not os.access(path, needed, effective_ids=effective):
        can = "read and written" if needed & os.W_OK else "read"
        text = f"{path} cannot be {can} by the user of this program: give it to that user (chown)"
        yield Finding(otherwise, "file", text)


def _locking(folder: Path) -> Finding:
    """Say whether files can be made in a folder, and be locked there: a network drive may not."""
    finding = _folder(folder, "FAIL")
    if finding.verdict != "OK":
        return finding
    try:
        against = why_no_lock(_nearest(folder))
    except OSError as error:
        against = error.strerror or str(error)
    return (
        Finding("FAIL", "folder", f"{folder} cannot be locked: {against}") if against else finding
    )


def _folder(folder: Path, otherwise: Verdict) -> Finding:
    """Say whether files can be made in a folder, or the folder itself where it is not there."""
    there = _nearest(folder)
    try:
        # On Linux a file without a name: nobody can see it come and go.
        with tempfile.TemporaryFile(dir=there, prefix=".check-") as file:
            file.write(b"x")
    except OSError as error:
        return Finding(otherwise, "folder", f"{folder} cannot be written: {error.strerror}")
    can = "can be written" if there == folder else "can be made"
    return Finding("OK", "folder", f"{folder} {can}")


def _nearest(folder: Path) -> Path:
    """Return the folder, or what is there of the way to it."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder
