"""``python -m scheduler check``: will tonight's run work? One line for each thing it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scoring.batches.batch_folders import LINKS_ARE_LEFT_OUT, BatchFolders, find_batch_folders
from scoring.machine_zone import describe_zones, machine_zone, other_zones
from scoring.processes.locks import instance_holder, run_holder
from scoring.processes.port_owner import (
    describe_owner,
    is_child_of,
    listeners,
    port_is_taken,
)
from scoring.processes.readiness import read_readiness
from scoring.protocol.errors import ExitCode, ScoringError
from scoring.records.due_days import DueDay, Policy, unusual_days
from scoring.records.ledger import Ledger
from scoring.records.next_run import describe_next_run, read_next_run
from scoring.records.text import printable
from scoring.settings import CODE_ROOT, Settings

Verdict = Literal["OK", "WARN", "FAIL"]

# A night of 100,000 images writes some 100 MB of ledger, results and copies.
TOO_FEW_BYTES = 100_000_000
DAYS_AHEAD = 366


@dataclass(frozen=True)
class Finding:
    """One line of the answer."""

    verdict: Verdict
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.verdict:<5} {self.subject:<12} {self.text}"


Check = Callable[[Settings], Iterator[Finding]]


def show_check(settings: Settings) -> ExitCode:
    """Write a line for each check to stdout; FAILED when one of them says that it will not work."""
    failed = False
    for check in CHECKS:
        for finding in check(settings):
            failed = failed or finding.verdict == "FAIL"
            sys.stdout.write(f"{finding}\n")
            sys.stdout.flush()
    return ExitCode.FAILED if failed else ExitCode.DONE


def check_settings(settings: Settings) -> Iterator[Finding]:
    """They were read, or this would not run."""
    local = settings.project / "settings.local.toml"
    text = f"settings.toml and {local.name}" if local.exists() else "settings.toml"
    yield Finding("OK", "settings", f"{text} in {settings.project}")


def check_folders(settings: Settings) -> Iterator[Finding]:
    """Results, ledger and logs must be written; without logs the run goes on."""
    yield _writable(settings.results_file.parent, "FAIL")
    yield _writable(settings.ledger_file.parent, "FAIL")
    yield _writable(settings.logs_folder, "WARN")


def check_ledger(settings: Settings) -> Iterator[Finding]:
    """It opens, and is brought up to date, as the run tonight would do it."""
    try:
        with Ledger.from_settings(settings) as ledger:
            count = len(ledger.running())
    except ScoringError as error:
        yield Finding("FAIL", "ledger", str(error))
    else:
        open_runs = f"; {count} unfinished" if count else ""
        yield Finding("OK", "ledger", f"{settings.ledger_file}{open_runs}")


def check_batches(settings: Settings) -> Iterator[Finding]:
    """Batches that are named must be there; that there are none yet is a warning."""
    home = settings.batches_folder
    named = settings.schedule.batches
    missing = [name for name in named if not (home / name).is_dir()]
    if missing:
        yield Finding("FAIL", "batches", f"no such folder in {home}: {', '.join(missing)}")
        return
    try:
        inside = find_batch_folders(home, settings.batches)
    except OSError:
        inside = BatchFolders()
    found = named or inside.batches
    linked = [] if named else inside.links
    if found:
        yield Finding("OK", "batches", f"{len(found)} in {home}")
    else:
        yield Finding("WARN", "batches", f"no folder of images in {home} yet")
    if linked:
        yield Finding(
            "WARN", "batches", f"{LINKS_ARE_LEFT_OUT}: {', '.join(map(printable, linked))}"
        )


def check_port(settings: Settings) -> Iterator[Finding]:
    """The port must be free for the server, or there must be a server where one is expected."""
    server = settings.server
    answer = read_readiness(settings.server_url)
    if not settings.schedule.start_server:
        ready = answer is not None and answer.ready
        text = "is ready" if ready else "does not answer; schedule.start_server is false"
        yield Finding("OK" if ready else "FAIL", "server", f"{settings.server_url} {text}")
    elif not port_is_taken(server.host, server.port):
        yield Finding("OK", "port", f"{server.port} is free")
    elif answer and not answer.foreign and _is_the_schedulers(settings):
        yield Finding("OK", "port", f"{server.port} is the scheduler's own server's")
    else:
        owner = describe_owner(server.port)
        yield Finding("FAIL", "port", f"{server.port} is taken by {owner}; the server needs it")


def _is_the_schedulers(settings: Settings) -> bool:
    holder = instance_holder(settings)
    owners = listeners(settings.server.port)
    return holder is not None and any(is_child_of(owner, holder.pid) for owner in owners)


def check_bundle(settings: Settings) -> Iterator[Finding]:
    """The server itself verifies its bundles: files, hashes, and that the model loads."""
    if not settings.schedule.start_server:
        return
    environment = {**os.environ, **settings.handed_on()}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "server", "--check"],
            cwd=CODE_ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=settings.server.ready_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        yield Finding("FAIL", "bundle", f"not verified after {error.timeout:g} s")
        return
    if done.returncode == 0:
        for line in done.stdout.splitlines():
            yield Finding("OK", "bundle", line)
    else:
        lines = done.stderr.strip().splitlines() or ["no message"]
        yield Finding("FAIL", "bundle", lines[-1].removeprefix("error: "))


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Warn where the run would warn, fail where it could not write a large night."""
    free = shutil.disk_usage(settings.project).free
    verdict: Verdict = "OK" if free >= settings.records.low_disk_bytes else "WARN"
    if free < TOO_FEW_BYTES:
        verdict = "FAIL"
    yield Finding(verdict, "disk", f"{free / 1e9:.1f} GB free")


def check_zone(settings: Settings) -> Iterator[Finding]:
    """Warn of a machine of two minds, and of days on which the start time is skipped or doubled."""
    policy = Policy.from_settings(settings)
    others = [] if settings.schedule.zone else other_zones()
    if settings.schedule.zone:
        yield Finding("OK", "zone", f"{settings.schedule.zone} (schedule.zone)")
    elif others:
        yield Finding("WARN", "zone", describe_zones(machine_zone(), others))
    else:
        yield Finding("OK", "zone", f"{machine_zone()} (the machine's)")
    for day, what in unusual_days(settings.now().date(), DAYS_AHEAD, policy):
        yield Finding("WARN", "zone", f"on {day} {policy.start_at:%H:%M} {what}")


def check_next_run(settings: Settings) -> Iterator[Finding]:
    """Tell the times of the next run, and who will start it."""
    policy = Policy.from_settings(settings)
    with Ledger.from_settings(settings) as ledger:
        coming = read_next_run(ledger, policy, settings.now(), worked_on=bool(run_holder(settings)))
    verdict: Verdict = "WARN" if coming.passed else "OK"
    text = f"{describe_next_run(coming, policy)}: {_times_of(coming.day, policy)}"
    yield Finding(verdict, "next run", text)
    holder = instance_holder(settings)
    if holder:
        yield Finding("OK", "scheduler", str(holder))
    else:
        yield Finding("WARN", "scheduler", "not running; start it with: python -m scheduler")


def _times_of(day: DueDay, policy: Policy) -> str:
    """Return when server and client start and stop, by the clock of the schedule's zone."""
    times = {"server": day.server_at, "client": day.client_at, "stop": day.stop_at}
    return ", ".join(
        f"{what} {moment.astimezone(policy.zone):%H:%M}" if moment else f"{what} never"
        for what, moment in times.items()
    )


CHECKS: tuple[Check, ...] = (
    check_settings,
    check_folders,
    check_ledger,
    check_batches,
    check_bundle,
    check_port,
    check_disk,
    check_zone,
    check_next_run,
)


def _writable(folder: Path, otherwise: Verdict) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, prefix=".check-") as file:
            file.write(b"x")
    except OSError as error:
        return Finding(otherwise, "folder", f"{folder} cannot be written: {error.strerror}")
    return Finding("OK", "folder", f"{folder} can be written")
